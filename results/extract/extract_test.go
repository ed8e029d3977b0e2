package extract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/internal/testkit"
	"parley/results/recordtest"
	"parley/schemas"
)

// lines are the lines of an extract.
func (r *testRecord) lines(t testing.TB, q schemas.ExtractQuery) []string {
	t.Helper()
	q.Account, q.Format = account, schemas.ExtractJSONL
	file, _ := r.bytes(t, q)
	return strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
}

// jsonOf is what ClickHouse itself says of the same rows.
func (r *testRecord) jsonOf(t testing.TB, where string) string {
	t.Helper()
	const instants = `formatDateTime(accepted_at, '%Y-%m-%dT%H:%i:%S') || '.' || leftPad(toString(toUnixTimestamp64Milli(accepted_at) % 1000), 3, '0') || 'Z'`
	columns := strings.Join(schemas.ResultColumns(), ", ")
	for _, name := range []string{"accepted_at", "started_at", "completed_at"} {
		shown := strings.ReplaceAll(instants, "accepted_at", name)
		columns = strings.Replace(columns, name, "("+shown+") AS "+name+"_", 1)
	}
	query := fmt.Sprintf("SELECT %s FROM results WHERE %s ORDER BY partition, sequence, ordinal FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0, output_format_json_escape_forward_slashes = 0",
		columns, where)
	return strings.ReplaceAll(string(r.http(t, query, nil)), `_at_":`, `_at":`)
}

// http asks the HTTP interface.
func (r *testRecord) http(t testing.TB, query string, body io.Reader) []byte {
	t.Helper()
	resp, err := http.Post(recordtest.HTTP(t)+"/?"+url.Values{"database": {r.database}, "query": {query}}.Encode(), "application/octet-stream", body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v: %s", query, resp.StatusCode, err, answer)
	}
	return answer
}

// An extract has what the view results has, as ClickHouse itself shows it.
func TestExtractIsTheView(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	r.fill(t, 40_000)
	from, to := time.Date(2026, 10, 28, 1, 0, 0, 0, time.UTC), time.Date(2026, 10, 28, 2, 0, 0, 0, time.UTC)
	for where, q := range map[string]schemas.ExtractQuery{
		"account = 'acc'": {},
		"account = 'acc' AND completed_at >= '2026-10-28 01:00:00' AND completed_at < '2026-10-28 02:00:00'": {From: from, To: to},
		"account = 'acc' AND status IN ('Error', 'Rejected')":                                                {Statuses: []schemas.ResultStatus{schemas.Error, schemas.Rejected}},
		"account = 'acc' AND conversation_id = 'order-17'":                                                   {ConversationID: "order-17"},
		"account = 'acc' AND sequence > 5 AND (sequence <= 17 AND partition = 0 OR sequence <= 6 AND partition = 2)": {
			After: schemas.Cursor{Sequences: []int64{5, 5, 5}}, Until: &schemas.Cursor{Sequences: []int64{17, 5, 6}},
		},
	} {
		got, want := strings.Join(r.lines(t, q), "\n"), strings.TrimSuffix(r.jsonOf(t, where), "\n")
		if got != want {
			t.Errorf("%s: %d bytes, want %d:\n%.500s\nwant\n%.500s", where, len(got), len(want), got, want)
		}
	}
	if n := len(r.lines(t, schemas.ExtractQuery{})); n != 40_000 {
		t.Errorf("%d rows, want 40000", n)
	}
}

// Another account's results are not there, and neither is a name a piece of SQL.
func TestExtractIsOfOneAccount(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	r.fill(t, 400)
	for _, other := range []string{"other", "' OR 1 OR '", `\`} {
		if file, _ := r.bytes(t, schemas.ExtractQuery{Account: other, Format: schemas.ExtractJSONL}); len(file) > 0 {
			t.Errorf("account %q: %.300s", other, file)
		}
		if lines := r.lines(t, schemas.ExtractQuery{ConversationID: other}); lines[0] != "" {
			t.Errorf("conversation %q: %.300s", other, lines)
		}
	}
}

// Whoever goes on from each cursor has everything, once, in the bytes of one extract; and from cursor to cursor the bytes are
// the same whatever else was stored, and merged, meanwhile.
func TestCursors(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	r.fill(t, 30_000)
	last := int64((30_000-1)/16 + 1)
	for _, format := range schemas.ExtractFormats() {
		r.exec(t, "TRUNCATE TABLE stored")
		q := schemas.ExtractQuery{Account: account, Format: format}
		var whole bytes.Buffer
		type piece struct {
			q    schemas.ExtractQuery
			file []byte
		}
		var pieces []piece
		for _, stored := range []int64{700, 1200, last} {
			r.store(t, stored)
			file, until := r.bytes(t, q)
			for p := range int32(partitions) {
				if until.Sequence(p) != stored {
					t.Fatalf("the extract goes to %d of partition %d, want %d", until.Sequence(p), p, stored)
				}
			}
			again := q
			again.Until = &until
			pieces = append(pieces, piece{again, file})
			q.After = until
			whole.Write(file)
		}
		r.exec(t, "OPTIMIZE TABLE results_log FINAL")
		for i, p := range pieces {
			if got, _ := r.bytes(t, p.q); !bytes.Equal(got, p.file) {
				t.Errorf("%s: piece %d has other bytes the second time", format, i)
			}
		}
		if format == schemas.ExtractJSONL {
			lines := map[string]bool{}
			for line := range strings.Lines(whole.String()) {
				lines[line] = true
			}
			if len(lines) != 30_000 || strings.Count(whole.String(), "\n") != 30_000 {
				t.Errorf("%d rows, of them %d once, want 30000", strings.Count(whole.String(), "\n"), len(lines))
			}
		}
		if rest, _ := r.bytes(t, q); format == schemas.ExtractJSONL && len(rest) > 0 {
			t.Errorf("behind the end: %.300s", rest)
		}
	}
}

// A call that was given in part is gone on with at its next result, and ends where that was said.
func TestCursorInACall(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	r.fill(t, 64) // 4 sequences of 8 partitions, two objects each
	first := schemas.Cursor{Sequences: []int64{1, 1}, Part: &schemas.CursorPart{Partition: 1, Sequence: 2, Ordinal: 0}}
	second := schemas.Cursor{Sequences: []int64{2, 2}, Part: &schemas.CursorPart{Partition: 0, Sequence: 3, Ordinal: 0}}
	for name, tt := range map[string]struct {
		q    schemas.ExtractQuery
		want string
	}{
		"until":  {schemas.ExtractQuery{Until: &first}, "[0 1 0][0 1 1][1 1 0][1 1 1][1 2 0]"},
		"both":   {schemas.ExtractQuery{After: first, Until: &second}, "[0 2 0][0 2 1][0 3 0][1 2 1]"},
		"cursor": {schemas.ExtractQuery{After: second, Until: &schemas.Cursor{Sequences: []int64{3, 3}}}, "[0 3 1][1 3 0][1 3 1]"},
		"within": {schemas.ExtractQuery{After: first, Until: &first}, ""},
	} {
		got := ""
		for _, line := range r.lines(t, tt.q) {
			var row struct{ Partition, Sequence, Ordinal int }
			if line != "" {
				if err := json.Unmarshal([]byte(line), &row); err != nil {
					t.Fatal(err)
				}
				got += fmt.Sprint([]int{row.Partition, row.Sequence, row.Ordinal})
			}
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// Parquet is read by the engine, which did not write it, with the types and values of the view.
func TestParquetInClickHouse(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	r.fill(t, 3_000)
	file, _ := r.bytes(t, schemas.ExtractQuery{Account: account, Format: schemas.ExtractParquet})
	r.exec(t, "CREATE TABLE taken ENGINE = Memory AS SELECT * FROM results LIMIT 0")
	r.http(t, "INSERT INTO taken FORMAT Parquet", bytes.NewReader(file))
	for _, query := range []string{"SELECT count() FROM (SELECT * FROM taken EXCEPT SELECT * FROM results)", "SELECT count() FROM (SELECT * FROM results EXCEPT SELECT * FROM taken)"} {
		if got := strings.TrimSpace(string(r.http(t, query, nil))); got != "0" {
			t.Errorf("%s: %s rows differ", query, got)
		}
	}
	if got := strings.TrimSpace(string(r.http(t, "SELECT count() FROM taken", nil))); got != "3000" {
		t.Errorf("%s rows were taken, want 3000", got)
	}
}

// The rows come in the order in which they lie: nothing is sorted, which would take memory for all of them.
func TestNothingIsSorted(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	r.fill(t, 200_000)
	until, err := r.query.Stored(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q := schemas.ExtractQuery{Account: account, From: time.Date(2026, 10, 28, 1, 0, 0, 0, time.UTC), Statuses: []schemas.ResultStatus{schemas.OK}}
	plan := string(r.http(t, "EXPLAIN PIPELINE "+statement(q, schemas.ResultColumns(), until)+" SETTINGS optimize_read_in_order = 1", nil))
	if !strings.Contains(plan, "InOrder") || strings.Contains(plan, "PartialSorting") || strings.Contains(plan, "MergeSortingTransform") {
		t.Errorf("the rows are not read in order:\n%s", plan)
	}
	after := until.Clone()
	after.Sequences[3] -= 10
	plan = string(r.http(t, "EXPLAIN indexes = 1 "+statement(schemas.ExtractQuery{Account: account, After: after}, schemas.ResultColumns(), until), nil))
	read, all := 0, 0
	for line := range strings.Lines(plan) {
		_, _ = fmt.Sscanf(strings.TrimSpace(line), "Granules: %d/%d", &read, &all) // the last line of that form is the result
	}
	if all < 20 || read > 4 {
		t.Errorf("%d of %d granules are read for 20 new rows:\n%s", read, all, plan)
	}
}

func TestCursorsThatCannotBe(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	r.fill(t, 64)
	ahead := schemas.Cursor{Sequences: []int64{1 << 40}}
	for name, tt := range map[string]struct {
		q    schemas.ExtractQuery
		code schemas.Code
	}{
		"until before cursor": {schemas.ExtractQuery{After: schemas.Cursor{Sequences: []int64{2}}, Until: &schemas.Cursor{Sequences: []int64{1, 4}}}, schemas.InvalidParameter},
		"until not stored":    {schemas.ExtractQuery{Until: &ahead}, schemas.OwnerUnavailable},
		"cursor not stored":   {schemas.ExtractQuery{After: ahead}, schemas.OwnerUnavailable},
	} {
		_, err := r.extractor.Extract(t.Context(), tt.q, func(schemas.Cursor) (io.Writer, error) { t.Error("it has begun"); return io.Discard, nil })
		if p, ok := errors.AsType[*schemas.Problem](err); !ok || p.Code != tt.code {
			t.Errorf("%s: %v, want %s", name, err, tt.code)
		}
	}
}

// Whoever leaves frees everything: what ClickHouse does, and what is done here.
func TestLeaving(t *testing.T) {
	r := newRecord(t)
	r.fill(t, 200_000)
	ignore := goleak.IgnoreCurrent()
	for _, how := range []string{"context", "writer"} {
		for _, format := range schemas.ExtractFormats() {
			ctx, leave := context.WithCancelCause(t.Context())
			gone := errors.New("gone")
			writer := writerFunc(func(b []byte) (int, error) {
				if how == "writer" {
					return 0, gone
				}
				leave(gone)
				<-ctx.Done()
				return len(b), nil
			})
			_, err := r.extractor.Extract(ctx, schemas.ExtractQuery{Account: account, Format: format}, func(schemas.Cursor) (io.Writer, error) { return writer, nil })
			leave(nil)
			if !errors.Is(err, gone) {
				t.Errorf("%s, %s: error %v, want %v", how, format, err, gone)
			}
			eventually(t, "no statement of it runs", func() bool {
				var n uint64
				if err := r.conn.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE current_database = ? AND query LIKE '%ORDER BY account, partition%' AND query NOT LIKE '%system.processes%'", r.database).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n == 0
			})
		}
	}
	http.DefaultClient.CloseIdleConnections()
	testkit.NoneLeft(t, ignore)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testkit.Patience); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// A ClickHouse that is not there is no defect of ours.
func TestClickHouseIsAway(t *testing.T) {
	t.Parallel()
	e, err := New("clickhouse://127.0.0.1:1/parley", nil, func(context.Context) (schemas.Cursor, error) { return schemas.Cursor{Sequences: []int64{1}}, nil })
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Extract(t.Context(), schemas.ExtractQuery{Account: account}, func(schemas.Cursor) (io.Writer, error) { t.Error("it has begun"); return io.Discard, nil })
	if !errors.Is(err, schemas.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, schemas.ErrUnavailable)
	}
	if _, err := New("http://127.0.0.1:8123/parley", nil, nil); err == nil {
		t.Error("a DSN of the HTTP interface is taken")
	}
}
