package audit

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/results/recordtest"
	"parley/schemas"
)

func TestMain(m *testing.M) { os.Exit(recordtest.Run(m)) }

// books are a database and owners that agree with each other, until something is done to them.
type books struct {
	t    *testing.T
	conn driver.Conn

	mu     sync.Mutex
	counts map[int32]schemas.PartitionCounts
}

const partitions = 3

func newBooks(t *testing.T) *books {
	t.Helper()
	b := &books{t: t, conn: recordtest.Open(t, recordtest.Migrated(t)), counts: make(map[int32]schemas.PartitionCounts)}
	for p := range int32(partitions) {
		b.counts[p] = schemas.PartitionCounts{Partition: p, Final: map[schemas.CallStatus]int64{schemas.OK: 0}, Open: map[schemas.CallStatus]int64{}}
	}
	return b
}

// Audit implements Live.
func (b *books) Audit(context.Context, map[int32]int64) ([]schemas.PartitionCounts, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []schemas.PartitionCounts
	for _, c := range b.counts {
		c.Final = maps.Clone(c.Final)
		all = append(all, c)
	}
	return all, nil
}

func (b *books) exec(statement string, args ...any) {
	b.t.Helper()
	if err := b.conn.Exec(b.t.Context(), fmt.Sprintf(statement, args...)); err != nil {
		b.t.Fatal(err)
	}
}

// write has an owner write events of a partition, and the sink store those up to stored: of three in a row two are calls, with
// one to four objects, and one is the end of a conversation.
func (b *books) write(partition int32, from, to, stored int64, completedAt string) {
	b.t.Helper()
	events := fmt.Sprintf("FROM (SELECT toInt64(number) AS sequence FROM numbers(%d, %d))", from, to-from+1)
	common := fmt.Sprintf("%d, sequence, 'acme', toString(sequence %% 1000), toDateTime64('%s', 3)", partition, completedAt)
	b.exec("INSERT INTO calls_log (partition, sequence, account, conversation_id, completed_at, total, status) SELECT %s, sequence %% 4 + 1, 'OK' %s WHERE sequence %% 3 != 0", common, events)
	b.exec("INSERT INTO conversations_log (partition, sequence, account, conversation_id, completed_at) SELECT %s %s WHERE sequence %% 3 = 0", common, events)
	b.exec("INSERT INTO results_log (partition, sequence, account, conversation_id, completed_at, ordinal) SELECT %s, arrayJoin(range(sequence %% 4 + 1)) %s WHERE sequence %% 3 != 0", common, events)
	if stored > 0 {
		b.exec("INSERT INTO stored (partition, sequence) VALUES (%d, %d)", partition, stored)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.counts[partition]
	for s := from; s <= to; s++ {
		if s%3 != 0 {
			c.Accepted++
			c.Final[schemas.OK]++
		}
	}
	c.Produced = to
	b.counts[partition] = c
}

func (b *books) auditor(adjust ...func(*Config)) *Auditor {
	b.t.Helper()
	cfg := Config{Conn: b.conn, Live: b, Partitions: partitions, Mine: func() bool { return true }, Log: slog.New(slog.DiscardHandler)}
	for _, a := range adjust {
		a(&cfg)
	}
	a, err := New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// finds makes a pass, and compares what is wrong with what is expected to be: the count of each kind, by partition.
func (b *books) finds(a *Auditor, want map[int32]map[schemas.AuditProblemKind]int64) map[int32]schemas.PartitionAudit {
	b.t.Helper()
	if err := a.pass(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	got := make(map[int32]map[schemas.AuditProblemKind]int64)
	for id, p := range a.metrics.shown {
		for _, problem := range p.Problems {
			if got[id] == nil {
				got[id] = make(map[schemas.AuditProblemKind]int64)
			}
			got[id][problem.Kind] = problem.Count
		}
	}
	var none uint64
	if err := b.conn.QueryRow(b.t.Context(), "SELECT countIf(JSONType(problems) != 'Array') FROM audit").Scan(&none); err != nil || none > 0 {
		b.t.Fatalf("%d rows of audit have no array of problems; %v", none, err)
	}
	if want == nil {
		want = map[int32]map[schemas.AuditProblemKind]int64{}
	}
	if !reflect.DeepEqual(got, want) {
		b.t.Fatalf("found %v, want %v", got, want)
	}
	return a.metrics.shown
}

const november = "2026-11-20 10:00:00"

// The hash is what ClickHouse makes of a number.
func TestHash(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	for _, x := range []uint64{0, 1, 65536, 1 << 40, 1<<64 - 1} {
		var got uint64
		if err := b.conn.QueryRow(t.Context(), fmt.Sprintf("SELECT intHash64(toUInt64(%d))", x)).Scan(&got); err != nil || got != hash(x) {
			t.Errorf("intHash64(%d) is %d, %v, here it is %d", x, got, err, hash(x))
		}
	}
}

func TestAuditFinds(t *testing.T) {
	t.Parallel()
	type kinds = map[schemas.AuditProblemKind]int64
	const last = 69_999 // of the partition that something is done to: two spans
	for _, c := range []struct {
		name   string
		do     func(*books)
		want   kinds
		ranges []schemas.SequenceRange // of the first problem
		repair func(*books)
	}{
		{
			name:   "a call is missing",
			do:     func(b *books) { b.remove("calls_log", "partition = 1 AND sequence = 65600") },
			want:   kinds{schemas.EventsMissing: 1, schemas.StatusesDiffer: 1},
			ranges: []schemas.SequenceRange{{From: 65_600, To: 65_600}},
			repair: func(b *books) {
				b.exec("INSERT INTO calls_log (partition, sequence, account, completed_at, total, status) VALUES (1, 65600, 'acme', '%s', %d, 'OK')", november, 65_600%4+1)
			},
		},
		{
			name:   "conversations are missing",
			do:     func(b *books) { b.remove("conversations_log", "partition = 1 AND sequence IN (3, 65535, 69999)") },
			want:   kinds{schemas.EventsMissing: 3},
			ranges: []schemas.SequenceRange{{From: 3, To: 3}, {From: 65_535, To: 65_535}, {From: 69_999, To: 69_999}},
		},
		{
			name: "results are missing, of one call all of them",
			do: func(b *books) {
				b.remove("results_log", "partition = 1 AND (sequence = 65603 OR sequence = 65605 AND ordinal = 1)")
			},
			want:   kinds{schemas.ResultsMissing: 5},
			ranges: []schemas.SequenceRange{{From: 65_603, To: 65_603}, {From: 65_605, To: 65_605}},
		},
		{
			name: "a result stands twice, another is missing",
			do: func(b *books) {
				b.remove("results_log", "partition = 1 AND sequence = 7 AND ordinal = 3") // a mutation is a kind of merge: it goes first
				b.double("results_log", "partition = 1 AND sequence = 5 AND ordinal = 0")
			},
			want:   kinds{schemas.ResultsMissing: 1, schemas.ResultsRepeated: 1},
			ranges: []schemas.SequenceRange{{From: 7, To: 7}},
			repair: func(b *books) {
				b.exec("INSERT INTO results_log (partition, sequence, account, completed_at, ordinal) VALUES (1, 7, 'acme', '%s', 3)", november)
				b.merge("results_log")
			},
		},
		{
			name:   "a call stands twice",
			do:     func(b *books) { b.double("calls_log", "partition = 1 AND sequence = 69998") },
			want:   kinds{schemas.EventsRepeated: 1, schemas.StatusesDiffer: 1},
			ranges: []schemas.SequenceRange{{From: 69_998, To: 69_998}},
			repair: func(b *books) { b.merge("calls_log") },
		},
		{
			name: "a result of an event that has none",
			do: func(b *books) {
				b.exec("INSERT INTO results_log (partition, sequence, account, completed_at, ordinal) VALUES (1, 9, 'acme', '%s', 0)", november)
			},
			want:   kinds{schemas.ResultsRepeated: 1},
			ranges: []schemas.SequenceRange{{From: 9, To: 9}},
			repair: func(b *books) { b.remove("results_log", "partition = 1 AND sequence = 9") },
		},
		{
			name: "a result has another ordinal",
			do: func(b *books) {
				b.remove("results_log", "partition = 1 AND sequence = 10 AND ordinal = 2")
				b.exec("INSERT INTO results_log (partition, sequence, account, completed_at, ordinal) VALUES (1, 10, 'acme', '%s', 7)", november)
			},
			want:   kinds{schemas.ResultsRepeated: 1, schemas.ResultsMissing: 1},
			ranges: []schemas.SequenceRange{{From: 10, To: 10}},
		},
		{
			name: "a call has ended with another status",
			do: func(b *books) {
				b.exec("ALTER TABLE calls_log UPDATE status = 'Error' WHERE partition = 1 AND sequence = 10 SETTINGS mutations_sync = 1")
			},
			want: kinds{schemas.StatusesDiffer: 2},
			repair: func(b *books) {
				b.exec("ALTER TABLE calls_log UPDATE status = 'OK' WHERE partition = 1 AND sequence = 10 SETTINGS mutations_sync = 1")
			},
		},
		{
			name:   "a month is gone",
			do:     func(b *books) { b.exec("ALTER TABLE conversations_log DROP PARTITION 202611") },
			want:   kinds{schemas.EventsMissing: last / 3},
			ranges: []schemas.SequenceRange{{From: 3, To: 3}, {From: 6, To: 6}, {From: 9, To: 9}, {From: 12, To: 12}, {From: 15, To: 15}, {From: 18, To: 18}, {From: 21, To: 21}, {From: 24, To: 24}},
		},
		{
			name:   "more is stored than was written",
			do:     func(b *books) { b.change(1, func(c *schemas.PartitionCounts) { c.Produced -= 5 }) },
			want:   kinds{schemas.StoredAhead: 5},
			repair: func(b *books) { b.change(1, func(c *schemas.PartitionCounts) { c.Produced += 5 }) },
		},
		{
			name:   "an accepted call is nowhere",
			do:     func(b *books) { b.change(1, func(c *schemas.PartitionCounts) { c.Accepted++ }) },
			want:   kinds{schemas.EquationBroken: 1},
			repair: func(b *books) { b.change(1, func(c *schemas.PartitionCounts) { c.Resent++ }) },
		},
		{
			name:   "the counter of open calls is wrong",
			do:     func(b *books) { b.change(1, func(c *schemas.PartitionCounts) { c.OpenTotal = 2 }) },
			want:   kinds{schemas.OpenMiscounted: 2},
			repair: func(b *books) { b.change(1, func(c *schemas.PartitionCounts) { c.OpenTotal = 0 }) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBooks(t)
			b.write(0, 1, 100, 100, november)
			b.write(1, 1, 50_000, 50_000, november)
			b.write(1, 50_001, last, last, november)
			a := b.auditor()
			b.finds(a, nil)
			c.do(b)
			want := map[int32]map[schemas.AuditProblemKind]int64{1: c.want}
			if _, month := c.want[schemas.EventsMissing]; month && c.want[schemas.EventsMissing] == last/3 {
				want[0] = kinds{schemas.EventsMissing: 33}
			}
			for range 2 {
				found := b.finds(a, want)
				if c.ranges != nil && !reflect.DeepEqual(found[1].Problems[0].Sequences, c.ranges) {
					t.Errorf("it is at %v, want %v", found[1].Problems[0].Sequences, c.ranges)
				}
			}
			b.finds(b.auditor(), want) // one that begins now finds the same
			if c.repair != nil {
				c.repair(b)
				b.finds(a, nil)
			}
		})
	}
}

// remove deletes rows, for good.
func (b *books) remove(table, which string) {
	b.t.Helper()
	b.exec("ALTER TABLE %s DELETE WHERE %s SETTINGS mutations_sync = 1", table, which)
}

// double inserts rows once more, and keeps ClickHouse from merging them with the first until merge.
func (b *books) double(table, which string) {
	b.t.Helper()
	b.exec("SYSTEM STOP MERGES %s", table)
	b.exec("INSERT INTO %s SELECT * FROM %s WHERE %s", table, table, which)
}

func (b *books) merge(table string) {
	b.t.Helper()
	b.exec("SYSTEM START MERGES %s", table)
	b.exec("OPTIMIZE TABLE %s FINAL", table)
}

func (b *books) change(partition int32, change func(*schemas.PartitionCounts)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.counts[partition]
	change(&c)
	b.counts[partition] = c
}

// Tables that are spread over a cluster, for which one of the engine Merge stands here, have no parts that could be listed: all of
// them is read.
func TestAuditOfTablesWithoutParts(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.write(1, 1, 1000, 1000, november)
	for _, table := range tableNames() {
		b.exec("RENAME TABLE %s TO %s_local", table, table)
		b.exec("CREATE TABLE %s AS %s_local ENGINE = Merge(currentDatabase(), '^%s_local$')", table, table, table)
	}
	a := b.auditor()
	b.finds(a, nil)
	if to := a.metrics.shown[1].CheckedTo; *to != 0 {
		t.Errorf("compared up to %d before replicas had the time", *to)
	}
	a.past[0].at = a.past[0].at.Add(-2 * replicaDelay)
	b.finds(a, nil)
	if to := a.metrics.shown[1].CheckedTo; *to != 1000 {
		t.Errorf("compared up to %d", *to)
	}
	b.remove("results_log_local", "sequence = 7 AND ordinal < 2")
	a.past[0].at = a.past[0].at.Add(-2 * replicaDelay)
	b.finds(a, map[int32]map[schemas.AuditProblemKind]int64{1: {schemas.ResultsMissing: 2}})
}

// A record that is read in several pieces is rested from after each: not once more when the pass has ended, or it would be
// hours to the next one.
func TestAuditInPieces(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.write(1, 1, 1000, 1000, november)
	b.remove("results_log", "sequence = 7 AND ordinal < 2")
	a := b.auditor(func(c *Config) { c.Share = 1 })
	a.rowsAtOnce = 1
	began := time.Now()
	b.finds(a, map[int32]map[schemas.AuditProblemKind]int64{1: {schemas.ResultsMissing: 2}})
	if took := time.Since(began); a.paid <= 0 || a.paid >= took {
		t.Errorf("of %s %s are paid for, want all but the last piece", took, a.paid)
	}
}

// What is older than the retention may be gone: then it is not missed, and all that is younger is.
func TestAuditAfterRetention(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	const day = 24 * time.Hour
	completed := func(age time.Duration) string { return time.Now().Add(-age).UTC().Format(time.DateTime) }
	b.write(1, 1, 1000, 1000, completed(80*day))
	b.write(1, 1001, 2000, 2000, completed(5*day))
	for _, m := range []mark{{1, time.Now().Add(-90 * day), 0}, {1, time.Now().Add(-40 * day), 1000}, {1, time.Now().Add(-20 * day), 1000}} {
		b.exec("INSERT INTO audit_marks VALUES (%d, fromUnixTimestamp64Milli(toInt64(%d)), %d)", m.Partition, m.At.UnixMilli(), m.Sequence)
	}
	b.finds(b.auditor(), nil)
	for _, table := range tableNames() {
		b.exec("ALTER TABLE %s MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1", table)
		b.exec("ALTER TABLE %s MODIFY TTL toDateTime(completed_at) + toIntervalSecond(%d)", table, int64(30*day/time.Second))
		b.remove(table, "sequence <= 1000") // as the TTL does, in its time
	}
	a := b.auditor()
	if from := b.finds(a, nil)[1].CheckedFrom; *from != 1001 {
		t.Errorf("compared from %d, want 1001", *from)
	}
	b.remove("conversations_log", "sequence = 1002")
	want := map[int32]map[schemas.AuditProblemKind]int64{1: {schemas.EventsMissing: 1}}
	b.finds(a, want)
	for _, table := range tableNames() {
		b.exec("ALTER TABLE %s REMOVE TTL", table)
	}
	b.finds(b.auditor(), want) // what was gone is not missed by one that begins when rows are kept for ever again
}
