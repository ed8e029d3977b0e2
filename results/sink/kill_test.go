package sink

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/results/recordtest"
)

var (
	matrix = flag.Bool("matrix", false, "have TestKillMatrix do all to a sink at every step, and not one thing at each")
	kills  = flag.Int("kills", 4, "how often TestKilledAtRandom kills a sink")
)

// tablesOfLog are the tables that rows are inserted into, but for stored.
var tablesOfLog = []string{"results_log", "calls_log", "conversations_log", "deliveries_log", "stored"}

// A sink is a process that is ended by SIGKILL between any two steps of a block, or stopped there, so that another takes over,
// and woken when that is done. Whatever it was, every table has each row once. When ClickHouse does not know the tokens any
// more, the views do.
func TestKillMatrix(t *testing.T) {
	t.Parallel()
	for at, name := range twoBlocks[:len(twoBlocks)/2+2] {
		for i, how := range []string{"killed", "stopped and woken", "killed, tokens forgotten"} {
			if !*matrix && i != at%3 {
				continue
			}
			t.Run(fmt.Sprintf("%02d %s/%s", at, name, how), func(t *testing.T) {
				t.Parallel()
				testKill(t, at, name, how)
			})
		}
	}
}

func testKill(t *testing.T, at int, name, how string) {
	b, dsn := newProcessBroker(t, 1), recordtest.Migrated(t)
	b.produce(0, 20)
	conn := recordtest.Open(t, dsn)
	order := sinkOrder{Brokers: b.ListenAddrs(), DSN: dsn, Rows: 25, Instance: "first", At: at}
	first := startSink(t, order)
	if got := first.awaitStep(t); got != name {
		t.Fatalf("the sink stands at %q, want %q", got, name)
	}
	tables := "_log"
	switch how {
	case "killed":
		first.kill()
	case "stopped and woken":
		first.signal(t, syscall.SIGSTOP)
	case "killed, tokens forgotten":
		first.kill()
		forgetTokens(t, conn)
		tables = ""
	}
	order.Instance, order.At, order.Rows = "second", -1, 40 // what was planned stands, whatever the limits are now
	startSink(t, order)
	awaitReached(t, conn, b)
	if how == "stopped and woken" {
		first.signal(t, syscall.SIGCONT)
		if _, err := fmt.Fprintln(first.stdin); err != nil {
			t.Fatal(err)
		}
		b.produce(0, 20) // both go on, and one of them has the partition
		awaitReached(t, conn, b)
	}
	checkStored(t, conn, tables, b.events)
	checkStored(t, conn, "", b.events)
	checkReached(t, conn, b.events)
}

// Sinks are killed and stopped at random moments under load, two at a time.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	b, dsn := newProcessBroker(t, 4), recordtest.Migrated(t)
	conn := recordtest.Open(t, dsn)
	order := sinkOrder{Brokers: b.ListenAddrs(), DSN: dsn, Rows: 25, At: -1}
	var sinks []sinkProcess
	for i := range 2 {
		order.Instance = strconv.Itoa(i)
		sinks = append(sinks, startSink(t, order))
	}
	for range *kills {
		victim := random.IntN(len(sinks))
		for range 1 + random.IntN(3) { // no more than a busy machine stores meanwhile
			b.produce(random.Int32N(4), 10)
		}
		<-time.After(time.Duration(random.IntN(300)) * time.Millisecond)
		if random.IntN(3) == 0 { // longer than its session
			sinks[victim].signal(t, syscall.SIGSTOP)
			<-time.After(2 * processSession)
			sinks[victim].signal(t, syscall.SIGCONT)
			continue
		}
		sinks[victim].kill()
		order.Instance, order.Rows = strconv.Itoa(victim), 10+random.IntN(60)
		sinks[victim] = startSink(t, order)
	}
	awaitReached(t, conn, b)
	checkStored(t, conn, "_log", b.events)
	checkStored(t, conn, "", b.events)
	checkReached(t, conn, b.events)
}

// forgetTokens has ClickHouse take what comes again for new, as after the window.
func forgetTokens(t *testing.T, conn driver.Conn) {
	t.Helper()
	for _, table := range tablesOfLog {
		if err := conn.Exec(t.Context(), "ALTER TABLE "+table+" MODIFY SETTING non_replicated_deduplication_window = 0"); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitReached waits until stored says that all events are in all tables.
func awaitReached(t *testing.T, conn driver.Conn, b *broker) {
	t.Helper()
	want := uint64(len(b.events)) // sequences are dense
	for n := uint64(0); n < want; {
		last := n
		await(t, fmt.Sprintf("more than %d of %d events behind the mark of stored", last, want), func() bool {
			err := conn.QueryRow(t.Context(), "SELECT toUInt64(sum(s)) FROM (SELECT max(sequence) AS s FROM stored GROUP BY partition)").Scan(&n)
			return err == nil && n > last
		})
	}
}
