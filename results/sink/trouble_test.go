package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/client_golang/prometheus"

	"parley/results/recordtest"
)

// What ClickHouse refuses, it refuses until somebody acts. Metrics and log say what it is and what can be done, once and not
// with each attempt; then everything is stored, once.
func TestClickHouseRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		harm, mend string
		reason     reason
		clickhouse string // what its exception says
	}{
		{
			"table is read-only", "ALTER TABLE calls_log MODIFY SETTING table_readonly = 1",
			"ALTER TABLE calls_log MODIFY SETTING table_readonly = 0", reasonReadOnly, "code: 774",
		},
		{
			"disk is full", "ALTER TABLE calls_log MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000",
			"ALTER TABLE calls_log RESET SETTING min_free_disk_bytes_to_perform_insert", reasonDisk, "code: 243",
		},
		{
			"too many parts", "ALTER TABLE calls_log MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 1",
			"ALTER TABLE calls_log RESET SETTING parts_to_delay_insert, parts_to_throw_insert", reasonParts, "code: 252",
		},
		{
			"a table is missing", "RENAME TABLE calls_log TO calls_gone",
			"RENAME TABLE calls_gone TO calls_log", reasonSchema, "code: 60",
		},
		{
			"a column is missing", "ALTER TABLE calls_log RENAME COLUMN route TO road",
			"ALTER TABLE calls_log RENAME COLUMN road TO route", reasonSchema, "code: 16",
		},
		{
			"a column has another type", "ALTER TABLE calls_log MODIFY COLUMN attempts String",
			"ALTER TABLE calls_log MODIFY COLUMN attempts Int32", reasonSchema, "attempts",
		},
		{
			"the last table is missing", "RENAME TABLE stored TO stored_gone",
			"RENAME TABLE stored_gone TO stored", reasonSchema, "code: 60",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, dsn := newBroker(t, 1), recordtest.Migrated(t)
			conn := recordtest.Open(t, dsn)
			f := newFaulty(t, b, dsn)
			b.produce(0, 10)
			awaitStored(t, conn, b.events)

			if err := conn.Exec(t.Context(), c.harm); err != nil {
				t.Fatal(err)
			}
			b.produce(0, 10)
			f.awaitTrouble(t, c.reason, c.clickhouse)
			if err := conn.Exec(t.Context(), c.mend); err != nil {
				t.Fatal(err)
			}
			awaitStored(t, conn, b.events)
			f.awaitRecovery(t)
			checkStored(t, conn, "_log", b.events)
			checkReached(t, conn, b.events)
		})
	}
}

func TestReasonOf(t *testing.T) {
	t.Parallel()
	_, refused := net.Dial("tcp", "127.0.0.1:1")
	for _, c := range []struct {
		err  error
		want reason
	}{
		{kafkaError{context.DeadlineExceeded}, reasonKafka},
		{context.DeadlineExceeded, reasonSlow},
		{refused, reasonUnreachable},
		{io.EOF, reasonUnreachable},
		{errors.New("whatever"), reasonOther},
		{&clickhouse.Exception{Code: 164}, reasonReadOnly}, // a user with readonly = 1, whom the embedded engine cannot have
		{&clickhouse.Exception{Code: 242}, reasonReadOnly}, // a replica without its Keeper, which it cannot be
		{&clickhouse.Exception{Code: 516}, reasonAccess},
		{&clickhouse.Exception{Code: 1}, reasonOther},
	} {
		if got := reasonOf(fmt.Errorf("partition 3: %w", c.err)); got != c.want {
			t.Errorf("reasonOf(%v) = %s, want %s", c.err, got, c.want)
		}
	}
	for code, r := range reasonOfCode {
		if remedies[r] == "" {
			t.Errorf("code %d is %s, which has no remedy", code, r)
		}
	}
}

// faulty is a sink whose log and metrics a test reads.
type faulty struct {
	registry *prometheus.Registry
	log      *logged
	stop     func()
}

func newFaulty(t *testing.T, b *broker, dsn string) faulty {
	t.Helper()
	f := faulty{registry: prometheus.NewPedanticRegistry(), log: &logged{}}
	cfg := b.config(dsn)
	cfg.Registerer, cfg.Log = f.registry, slog.New(f.log)
	f.stop = start(t, cfg)
	return f
}

// awaitTrouble waits for some attempts in vain, and holds log and metrics against what is the matter.
func (f faulty) awaitTrouble(t *testing.T, want reason, exception string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("warnings: %v", f.log.warnings())
		}
	})
	await(t, "attempts in vain for the reason "+string(want), func() bool {
		return metricOf(t, f.registry, "parley_sink_retries_total", string(want)) >= 4
	})
	if got := metric(t, f.registry, "parley_sink_failing"); got != 1 || metricOf(t, f.registry, "parley_sink_failing", string(want)) != 1 {
		t.Errorf("%v reasons for failing are shown, want one: %s", got, want)
	}
	said := f.log.warnings()
	if len(said) != 1 {
		t.Fatalf("%d warnings, want one for all attempts: %v", len(said), said)
	}
	if said[0]["reason"] != string(want) || said[0]["remedy"] != remedies[want] || !strings.Contains(said[0]["error"], exception) {
		t.Errorf("warning = %v, want the reason %s, its remedy and an error with %q", said[0], want, exception)
	}
}

func (f faulty) awaitRecovery(t *testing.T) {
	t.Helper()
	await(t, "no trouble", func() bool { return metric(t, f.registry, "parley_sink_failing") == 0 })
}

// logged is a log handler that keeps the attributes of warnings.
type logged struct {
	mu   sync.Mutex
	kept []map[string]string
}

func (l *logged) Enabled(context.Context, slog.Level) bool { return true }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logged) WithGroup(string) slog.Handler            { return l }

func (l *logged) Handle(_ context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return nil
	}
	attrs := map[string]string{"": r.Message}
	r.Attrs(func(a slog.Attr) bool {
		attrs[a.Key] = a.Value.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, attrs)
	return nil
}

func (l *logged) warnings() []map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.kept)
}
