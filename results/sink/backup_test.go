package sink

import (
	"strings"
	"testing"
	"time"

	"parley/internal/topics"
	"parley/results/record"
	"parley/results/recordtest"
)

// A database that is restored from a backup lacks what came later; what Kafka still has fills it.
func TestRestoreFromABackup(t *testing.T) {
	t.Parallel()
	b, dsn := newBroker(t, 2), recordtest.DSN(t)
	b.produce(0, 20)
	b.produce(1, 20)
	stop := start(t, b.config(dsn))
	conn := recordtest.Open(t, dsn)
	awaitStored(t, conn, b.events)
	opts, err := record.ParseDSN(dsn, nil)
	if err != nil {
		t.Fatal(err)
	}
	name := opts.Auth.Database
	system := recordtest.Open(t, strings.Replace(dsn, name, "system", 1)+"?max_open_conns=1") // which has the backup
	backup := "Memory('" + name + "')"
	execute := func(statement string) {
		t.Helper()
		if err := system.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	execute("BACKUP DATABASE " + name + " TO " + backup)
	b.produce(0, 15)
	b.produce(1, 15)
	awaitStored(t, conn, b.events)
	stop()
	execute("DROP DATABASE " + name + " SYNC")
	execute("RESTORE DATABASE " + name + " FROM " + backup)

	if _, err := topics.Rewind(t.Context(), b.client(), "parley.sink", kafkaTopics.Results, time.Time{}); err != nil {
		t.Fatal(err)
	}
	stop = start(t, b.config(dsn))
	awaitStored(t, conn, b.events)
	stop()
	checkStored(t, conn, "", b.events)
}
