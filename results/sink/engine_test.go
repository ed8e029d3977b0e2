package sink

import (
	"fmt"
	"log/slog"
	"testing"

	"parley/results/record"
	"parley/results/recordtest"
)

// ClickHouse is killed while it receives the rows of a table, or when it has them and has not said so, and comes back: of each
// block every row is there once.
func TestClickHouseKilledInAnInsert(t *testing.T) {
	t.Parallel()
	server := recordtest.NewServer(t)
	dsn := migrated(t, server)
	b := newBroker(t, 1)
	g, gated := newGate(t, dsn)
	start(t, b.config(gated))
	for _, table := range []string{"results_log", "calls_log", "conversations_log", "deliveries_log", "stored"} {
		for _, whole := range []bool{false, true} {
			if table == "stored" && !whole {
				continue // one row is not torn
			}
			killed := make(chan error, 1)
			g.lay(&snare{table: table, whole: whole, spring: func() { killed <- server.Kill() }})
			b.produce(0, 60)
			if err := <-killed; err != nil {
				t.Fatal(err)
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			conn := recordtest.Open(t, dsn)
			awaitStored(t, conn, b.events)
			what := fmt.Sprintf("killed in an insert into %s, whole: %v", table, whole)
			if !t.Run(what, func(t *testing.T) {
				checkStored(t, conn, "_log", b.events)
				checkStored(t, conn, "", b.events)
			}) {
				return
			}
		}
	}
}

// ClickHouse has no memory for the inserts of one who may take none, and has it for another.
func TestClickHouseMemory(t *testing.T) {
	t.Parallel()
	b, dsn := newBroker(t, 1), recordtest.Migrated(t)
	b.produce(0, 20)
	f := newFaulty(t, b, dsn+"?max_memory_usage=1&max_untracked_memory=1")
	f.awaitTrouble(t, reasonMemory, "code: 241")
	f.stop()
	start(t, b.config(dsn))
	conn := recordtest.Open(t, dsn)
	awaitStored(t, conn, b.events)
	checkStored(t, conn, "_log", b.events)
	checkReached(t, conn, b.events)
}

// migrated returns the DSN of a database of the server that has the current schema.
func migrated(t *testing.T, server *recordtest.Server) string {
	t.Helper()
	dsn := server.DSN("parley")
	if err := record.Migrate(t.Context(), dsn, nil, record.Schema{}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return dsn
}
