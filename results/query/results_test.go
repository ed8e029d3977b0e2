package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"parley/results/recordtest"
	"parley/schemas"
)

// fataler is what a test and a check of rapid have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

// insert puts rows into a table, by the names of their fields.
func insert[R any](t fataler, conn driver.Conn, table, columns string, rows []R) {
	t.Helper()
	batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO "+table+" ("+columns+")")
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := batch.AppendStruct(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
}

// insertResults puts rows into the record, as far as searches read it.
func insertResults(t fataler, conn driver.Conn, rows []resultRow) {
	t.Helper()
	insert(t, conn, "results_log", resultColumns, rows)
	insert(t, conn, "calls_log", "account, conversation_id, request_id, sequence_code, status, completed_at, partition, sequence", rows)
}

// insertStored says that all of a partition is in the record up to a sequence.
func insertStored(t fataler, conn driver.Conn, partition int32, sequence int64) {
	t.Helper()
	insert(t, conn, "stored", "partition, sequence", []sequenceRow{{partition, sequence}})
}

const epoch = 1_790_000_000_000

// someCall are the rows of a call.
func someCall(t *rapid.T, account string, partition int32, sequence int64) []resultRow {
	word := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	at := func(name string) time.Time {
		return time.UnixMilli(epoch + rapid.Int64Range(0, 20).Draw(t, name)*86_400_000).UTC()
	}
	call := resultRow{
		Account: account, ConversationID: word("conversation", "", "", "order-1", "order-2"), RequestID: uuid.UUID{15: byte(rapid.IntRange(1, 4).Draw(t, "request"))},
		SequenceCode: 1, Method: "Create", AcceptedAt: at("accepted"), CompletedAt: at("completed"), Partition: partition, Sequence: sequence,
	}
	rows := slices.Repeat([]resultRow{call}, rapid.IntRange(1, 4).Draw(t, "objects"))
	for i := range rows {
		r := &rows[i]
		r.Ordinal = int32(i)
		r.Status, r.ErrorCode = word("status", "OK", "OK", "Error", "Rejected"), word("code", "", "E1")
		r.ObjectType, r.CorrelationID, r.CustomerKey = word("type", "Row", "List"), word("correlation", "", "a", "b"), word("key", "", "k")
	}
	return rows
}

// filters are what may be asked for.
func filters() []schemas.ResultsFilter {
	day := func(n int64) time.Time { return time.UnixMilli(epoch + n*86_400_000) }
	return []schemas.ResultsFilter{
		{},
		{ConversationID: "order-1"},
		{ConversationID: uuid.UUID{15: 2}.String(), Statuses: []schemas.ResultStatus{schemas.OK}},
		{RequestID: uuid.UUID{15: 2}},
		{CorrelationID: "a"},
		{Statuses: []schemas.ResultStatus{schemas.Error, schemas.Rejected}},
		{ErrorCode: "E1", ObjectType: "Row"},
		{CustomerKey: "k", From: day(3)},
		{From: day(3), To: day(17)},
	}
}

// matches is the filter, told the plainest way.
func matches(f schemas.ResultsFilter, r resultRow) bool {
	return (f.ConversationID == "" || f.ConversationID == r.ConversationID || r.ConversationID == "" && f.ConversationID == r.RequestID.String()) &&
		(f.RequestID == uuid.Nil || f.RequestID == r.RequestID) &&
		(f.CorrelationID == "" || f.CorrelationID == r.CorrelationID) &&
		(len(f.Statuses) == 0 || slices.Contains(f.Statuses, schemas.ResultStatus(r.Status))) &&
		(f.ErrorCode == "" || string(f.ErrorCode) == r.ErrorCode) &&
		(f.ObjectType == "" || f.ObjectType == r.ObjectType) &&
		(f.CustomerKey == "" || f.CustomerKey == r.CustomerKey) &&
		(f.From.IsZero() || !r.CompletedAt.Before(f.From)) && (f.To.IsZero() || r.CompletedAt.Before(f.To))
}

// merged is what is to be given of the partitions' results: of each the next, of all the one that ended first; but a call
// that was begun, in a partition, is given to its end.
func merged(partitions [][]resultRow, begun int, sequence int64) (out []resultRow) {
	partitions = slices.Clone(partitions)
	for {
		next := -1
		for p, rows := range partitions {
			inBegun := next >= 0 && next == begun && partitions[next][0].Sequence == sequence
			switch {
			case len(rows) == 0 || inBegun:
			case p == begun && rows[0].Sequence == sequence, next < 0, rows[0].CompletedAt.Before(partitions[next][0].CompletedAt):
				next = p
			}
		}
		if next < 0 {
			return out
		}
		r := partitions[next][0]
		out, partitions[next] = append(out, r), partitions[next][1:]
		begun, sequence = next, r.Sequence
	}
}

func texts(rows []resultRow) (out []string) {
	for _, r := range rows {
		out = append(out, fmt.Sprintf("%d-%d.%d", r.Partition, r.Sequence, r.Ordinal))
	}
	return out
}

// scene is a search, and what happens between its pages.
type scene struct {
	ask schemas.ResultsQuery
	// hasty gives pages that are not full.
	hasty bool
	steps []sceneStep
}

// sceneStep is what is written into the record, what is said to be there for good, or a page.
type sceneStep struct {
	kind  string
	rows  []resultRow // of one partition
	twice bool
}

const scenePartitions = 3

func someScene(t *rapid.T) scene {
	s := scene{
		ask:   schemas.ResultsQuery{Account: "acc", ResultsFilter: rapid.SampledFrom(filters()).Draw(t, "filter"), Limit: rapid.IntRange(1, 9).Draw(t, "limit")},
		hasty: rapid.Bool().Draw(t, "hasty"),
	}
	var written [scenePartitions]int64
	for range rapid.IntRange(1, 20).Draw(t, "steps") {
		step := sceneStep{kind: rapid.SampledFrom([]string{"write", "write", "store", "page", "page"}).Draw(t, "kind")}
		if step.kind == "write" {
			p := rapid.Int32Range(0, scenePartitions-1).Draw(t, "partition")
			for range rapid.IntRange(1, 12).Draw(t, "calls") {
				written[p] += rapid.SampledFrom([]int64{1, 2, 3, 700, 3_000}).Draw(t, "gap")
				account := rapid.SampledFrom([]string{"acc", "acc", "acc", "other"}).Draw(t, "account")
				step.rows = append(step.rows, someCall(t, account, p, written[p])...)
			}
			step.twice = rapid.Bool().Draw(t, "twice")
		}
		s.steps = append(s.steps, step)
	}
	return s
}

// sceneRecord is what a scene is played on.
type sceneRecord interface {
	write(rows []resultRow)
	store(partition int32, sequence int64)
	page(ask schemas.ResultsQuery) (schemas.ResultsPage, error)
}

// play has every result that is asked for given once, in the order that is promised.
func (s scene) play(t fataler, on sceneRecord) {
	t.Helper()
	var (
		ask     = s.ask
		written [scenePartitions]int64
		pending []resultRow // what is not stored for good
		waiting = make([][]resultRow, scenePartitions)
		begun   = -1
		inCall  int64
	)
	write := func(step sceneStep) {
		on.write(step.rows)
		if step.twice {
			on.write(step.rows)
		}
		last := step.rows[len(step.rows)-1]
		written[last.Partition] = last.Sequence
		pending = append(pending, step.rows...)
	}
	store := func() {
		for p, sequence := range written {
			on.store(int32(p), sequence)
		}
		for _, r := range pending {
			if r.Account == ask.Account && matches(ask.ResultsFilter, r) {
				waiting[r.Partition] = append(waiting[r.Partition], r)
			}
		}
		pending = nil
	}
	page := func() (more bool) {
		got, err := on.page(ask)
		if err != nil {
			t.Fatal(err)
		}
		want, n := merged(waiting, begun, inCall), len(got.Results)
		if n > ask.Limit || n > len(want) || !got.More && len(want) > n || !s.hasty && (n < min(ask.Limit, len(want)) || got.More != (len(want) > n)) {
			t.Fatal(fmt.Sprintf("%d results, more %t, of %v", n, got.More, texts(want)))
		}
		for i, r := range want[:n] {
			if g := got.Results[i]; g.Sequence != schemas.SequenceText(r.Partition, r.Sequence) || g.Ordinal != r.Ordinal {
				t.Fatal(fmt.Sprintf("result %d is %s.%d, want %v", i, g.Sequence, g.Ordinal, texts(want)))
			}
			waiting[r.Partition] = waiting[r.Partition][1:]
			begun, inCall = int(r.Partition), r.Sequence
		}
		if ask.After, err = schemas.ParseCursor(got.Cursor.String()); err != nil {
			t.Fatal(err)
		}
		return got.More
	}
	for _, step := range s.steps {
		switch step.kind {
		case "write":
			write(step)
		case "store":
			store()
		case "page":
			page()
		}
	}
	store()
	for pages := 0; page(); pages++ {
		if pages > 10_000 {
			t.Fatal("there is no end of pages")
		}
	}
}

// memory is a record in memory, which is searched as the real one is.
type memory struct {
	hasty  bool
	rows   []resultRow
	stored schemas.Cursor
}

func (m *memory) write(rows []resultRow) { m.rows = append(m.rows, rows...) }

func (m *memory) store(partition int32, sequence int64) { m.stored.Advance(partition, sequence) }

func (m *memory) page(ask schemas.ResultsQuery) (schemas.ResultsPage, error) {
	ss := newStreams(ask.After, m.stored, 500)
	found, more, err := ss.fill(ask.Limit, func() bool { return m.hasty }, func(dry []*stream) error {
		limit := min(ask.Limit, 3)
		spans := make([]span, len(dry))
		var found []resultRow
		for i, s := range dry {
			spans[i] = s.span()
			its := slices.DeleteFunc(slices.Clone(m.rows), func(r resultRow) bool {
				return r.Account != ask.Account || !matches(ask.ResultsFilter, r) || r.Partition != s.partition ||
					r.place().compare(spans[i].after) <= 0 || r.Sequence > spans[i].upto
			})
			slices.SortStableFunc(its, func(a, b resultRow) int { return a.place().compare(b.place()) })
			found = append(found, its[:min(limit, len(its))]...)
		}
		share(dry, spans, found, limit)
		return nil
	})
	out := schemas.ResultsPage{Cursor: ss.position(ask.After), More: more}
	for _, r := range found {
		out.Results = append(out.Results, r.resource())
	}
	return out, err
}

// Whatever comes between the pages, and however often it is inserted: who goes from page to page meets each result that is
// asked for once, in the order that is promised.
func TestPagesOfResults(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := someScene(t)
		s.play(t, &memory{hasty: s.hasty})
	})
}

// onClickHouse is the real record.
type onClickHouse struct {
	*Query
	t *testing.T
}

func (o onClickHouse) write(rows []resultRow) { insertResults(o.t, o.conn, rows) }

func (o onClickHouse) store(partition int32, sequence int64) {
	insertStored(o.t, o.conn, partition, sequence)
}

func (o onClickHouse) page(ask schemas.ResultsQuery) (schemas.ResultsPage, error) {
	return o.Results(o.t.Context(), ask)
}

// The same holds of the record; each scene asks for something else.
func TestPagesOfRecordedResults(t *testing.T) {
	t.Parallel()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	scenes := rapid.Custom(someScene)
	for seed, filter := range filters() {
		for _, table := range []string{"results_log", "calls_log", "stored"} {
			if err := conn.Exec(t.Context(), "TRUNCATE TABLE "+table); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("scene %d", seed)
		s := scenes.Example(seed)
		s.ask.ResultsFilter, s.hasty = filter, seed == 0
		q := patient(conn)
		if s.hasty {
			q.bounds.patience = -1
		}
		s.play(t, onClickHouse{q, t})
	}
}

// Searches leave connections to polls: when as many are under way as may be, another waits for one to end.
func TestSearchesAtOnce(t *testing.T) {
	t.Parallel()
	q := patient(recordtest.Open(t, recordtest.Migrated(t)))
	for range searchesMax {
		q.searching <- struct{}{}
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	ask := schemas.ResultsQuery{Account: "acme", Limit: 1}
	if _, err := q.Results(left, ask); !errors.Is(err, schemas.ErrUnavailable) {
		t.Errorf("one too many: %v, want one that is unavailable", err)
	}
	<-q.searching
	for range 2 { // it gives its place back
		if _, err := q.Results(t.Context(), ask); err != nil {
			t.Error(err)
		}
	}
}

// A page may end in the middle of a call of 1,000 objects, and its position holds for whoever asks with it.
func TestPageEndsInACall(t *testing.T) {
	t.Parallel()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	rows := make([]resultRow, 1_000)
	for i := range rows {
		rows[i] = resultRow{Account: "acc", RequestID: uuid.UUID{15: 1}, Ordinal: int32(i), Status: "OK", CompletedAt: time.UnixMilli(epoch).UTC(), Partition: 2, Sequence: 7}
	}
	insertResults(t, conn, rows)
	insertStored(t, conn, 2, 9)
	q, ask := patient(conn), schemas.ResultsQuery{Account: "acc", Limit: 300}
	for first := 0; first < len(rows); first += ask.Limit {
		page, err := q.Results(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		if n, want := len(page.Results), min(ask.Limit, len(rows)-first); n != want || page.Results[0].Ordinal != int32(first) || page.More != (first+n < len(rows)) {
			t.Fatalf("behind %d there are %d results, more %t, want %d", first, n, page.More, want)
		}
		if part := page.Cursor.Part; page.More && (part == nil || *part != schemas.CursorPart{Partition: 2, Sequence: 7, Ordinal: int32(first + ask.Limit - 1)}) {
			t.Errorf("behind %d: position %+v", first, page.Cursor)
		}
		ask.After = page.Cursor
		other, err := q.Results(t.Context(), schemas.ResultsQuery{Account: "other", After: ask.After, Limit: 10})
		if err != nil || len(other.Results) > 0 || other.More {
			t.Errorf("another account has %d results, more %t, %v", len(other.Results), other.More, err)
		}
	}
	if ask.After.Sequence(2) != 9 || ask.After.Part != nil {
		t.Errorf("the last page ends at %+v", ask.After)
	}
}

// bigAccount is a record of an account with so many results, of calls of 2 objects in conversations of 2 calls, in 8
// partitions, and how far it has come.
func bigAccount(t testing.TB, results int) (driver.Conn, schemas.Cursor) {
	t.Helper()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	n := strconv.Itoa(results)
	for _, fill := range []string{
		`INSERT INTO results_log (account, conversation_id, request_id, sequence_code, ordinal, correlation_id, method, object_type, customer_key, status,
				error_code, accepted_at, started_at, completed_at, partition, sequence)
			SELECT 'acc', concat('order-', toString(intDiv(number, 4))), reinterpretAsUUID(sipHash128(intDiv(number, 2))), intDiv(number, 2) % 2 + 1, number % 2,
				toString(number), 'Create', 'Row', concat('key-', toString(number)), if(number % 100000 = 7, 'Error', 'OK'), if(number % 100000 = 7, 'E1', ''),
				fromUnixTimestamp64Milli(toInt64(1790000000000 + number)), fromUnixTimestamp64Milli(toInt64(1790000000000 + number)),
				fromUnixTimestamp64Milli(toInt64(1790000000000 + number)), intDiv(number, 4) % 8, intDiv(number, 2) + 1 FROM numbers(` + n + `)
			SETTINGS max_partitions_per_insert_block = 0`,
		`INSERT INTO calls_log (account, conversation_id, request_id, sequence_code, status, completed_at, partition, sequence)
			SELECT account, conversation_id, request_id, sequence_code, status, completed_at, partition, sequence FROM results_log WHERE ordinal = 0
			SETTINGS max_partitions_per_insert_block = 0`,
		"INSERT INTO stored (partition, sequence) SELECT partition, max(sequence) FROM results_log GROUP BY partition",
		"OPTIMIZE TABLE results_log FINAL",
	} {
		if err := conn.Exec(t.Context(), fill); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := patient(conn).Stored(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return conn, stored
}

// deep is a position in the middle of all that is stored.
func deep(stored schemas.Cursor) (c schemas.Cursor) {
	for p, sequence := range stored.Sequences {
		c.Advance(int32(p), sequence/2)
	}
	return c
}

// A page reads what is about it, wherever it begins, and what an index finds.
func TestSearchesReadLittle(t *testing.T) {
	t.Parallel()
	conn, stored := bigAccount(t, 800_000)
	for name, ask := range map[string]schemas.ResultsQuery{
		"first page":         {},
		"deep page":          {After: deep(stored)},
		"of a time":          {After: deep(stored), ResultsFilter: schemas.ResultsFilter{From: time.UnixMilli(epoch + 10), To: time.UnixMilli(epoch + 1_000)}},
		"of a request":       {ResultsFilter: schemas.ResultsFilter{RequestID: uuid.UUID{15: 1}}},
		"of a conversation":  {ResultsFilter: schemas.ResultsFilter{ConversationID: "order-777"}},
		"of a call alone":    {ResultsFilter: schemas.ResultsFilter{ConversationID: uuid.UUID{15: 1}.String()}},
		"of a correlationId": {ResultsFilter: schemas.ResultsFilter{CorrelationID: "777"}},
		"of a key":           {ResultsFilter: schemas.ResultsFilter{CustomerKey: "key-777"}},
		"of a code":          {ResultsFilter: schemas.ResultsFilter{ErrorCode: "E9"}},
	} {
		ask.Account, ask.Limit = "acc", 100
		s := newSearch(conn, ask, stored)
		var spans []span
		for _, st := range s.streams.all {
			spans = append(spans, st.span())
		}
		statement, args := s.statement(spans, ask.Limit+1)
		var plan []string
		if err := conn.QueryRow(t.Context(), "SELECT groupArray(explain) FROM (EXPLAIN indexes = 1 "+statement+")", args...).Scan(&plan); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if read, of := granules(t, plan); read > 2*8 || of < 90 {
			t.Errorf("%s reads %d of %d granules:\n%s", name, read, of, strings.Join(plan, "\n"))
		}
	}
}

// BenchmarkResults measures pages and point lookups of an account of a million results, and, in the same run, what the
// driver does with the statement that finds a call: BenchmarkResults/raw.
func BenchmarkResults(b *testing.B) {
	conn, stored := bigAccount(b, 1_000_000)
	q := New(conn)
	var id uuid.UUID
	if err := conn.QueryRow(b.Context(), "SELECT request_id FROM results_log WHERE correlation_id = '777777'").Scan(&id); err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name string
		ask  schemas.ResultsQuery
		want int
	}{
		{"first page", schemas.ResultsQuery{Limit: 100}, 100},
		{"deep page", schemas.ResultsQuery{After: deep(stored), Limit: 100}, 100},
		{"deep page of 1000", schemas.ResultsQuery{After: deep(stored), Limit: 1000}, 1000},
		{"rare status", schemas.ResultsQuery{ResultsFilter: schemas.ResultsFilter{Statuses: []schemas.ResultStatus{schemas.Error}}, Limit: 100}, 10},
		{"request", schemas.ResultsQuery{ResultsFilter: schemas.ResultsFilter{RequestID: id}, Limit: 100}, 2},
		{"conversation", schemas.ResultsQuery{ResultsFilter: schemas.ResultsFilter{ConversationID: "order-77777"}, Limit: 100}, 4},
		{"correlation", schemas.ResultsQuery{ResultsFilter: schemas.ResultsFilter{CorrelationID: "777777"}, Limit: 100}, 1},
		{"nothing new", schemas.ResultsQuery{After: stored, Limit: 100}, 0},
	} {
		b.Run(bench.name, func(b *testing.B) {
			bench.ask.Account = "acc"
			for b.Loop() {
				page, err := q.Results(b.Context(), bench.ask)
				if err != nil || len(page.Results) != bench.want {
					b.Fatalf("%d results, %v, want %d", len(page.Results), err, bench.want)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
		})
	}
	b.Run("raw", func(b *testing.B) {
		for b.Loop() {
			found, err := rows[resultRow](b.Context(), conn, "SELECT "+resultColumns+" FROM results_log WHERE account = 'acc' AND request_id = toUUID(?)", id.String())
			if err != nil || len(found) != 2 {
				b.Fatalf("%d rows, %v", len(found), err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
	})
}
