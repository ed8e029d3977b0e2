package extract

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/results/query"
	"parley/results/recordtest"
	"parley/schemas"
)

const (
	account    = "acc"
	partitions = 8
)

// testRecord is a database with the current schema, and who extracts from it.
type testRecord struct {
	database  string
	conn      driver.Conn
	query     *query.Query
	extractor *Extractor
}

func newRecord(t testing.TB) *testRecord {
	t.Helper()
	dsn := recordtest.Migrated(t)
	at, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	r := &testRecord{database: strings.TrimPrefix(at.Path, "/"), conn: recordtest.Open(t, dsn)}
	r.query = query.New(r.conn)
	if r.extractor, err = New(dsn, nil, r.query.Stored); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *testRecord) exec(t testing.TB, statement string) {
	t.Helper()
	if err := r.conn.Exec(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// columnsOfLog are those of results_log that have no default.
const columnsOfLog = `account, conversation_id, request_id, sequence_code, ordinal, correlation_id, method, object_type, customer_key, status,
	error_code, message, accepted_at, started_at, completed_at, partition, sequence`

// fill stores rows of two objects a call, over all partitions, in several parts, every one with rows of the part before.
func (r *testRecord) fill(t testing.TB, rows int) {
	t.Helper()
	const parts = 4
	size := rows / parts
	for from := 0; from < rows; from += size {
		first := max(0, from-100) // came twice
		r.exec(t, fmt.Sprintf(`INSERT INTO results_log (%s) SELECT '%s', if(number %% 7 = 0, '', concat('order-', toString(intDiv(number, 6)))), reinterpretAsUUID(sipHash128(intDiv(number, 2))), 1, number %% 2,
			concat('c-', toString(number)), 'Create', if(number %% 2 = 0, 'DataExtensionObject', 'Subscriber'), concat('row-', toString(number)),
			if(number %% 10 = 0, 'Error', 'OK'), if(number %% 10 = 0, 'CallFailed', ''), if(number %% 10 = 0, 'no "such" list, sorry', ''),
			toDateTime64('2026-10-28 00:00:00', 3, 'UTC') + number / 4, if(number %% 5 = 0, NULL, toDateTime64('2026-10-28 00:00:00', 3, 'UTC') + number / 4), toDateTime64('2026-10-28 00:00:00', 3, 'UTC') + number / 4 + 1,
			intDiv(number, 2) %% %d, intDiv(number, %d) + 1 FROM numbers(%d, %d)`, columnsOfLog, account, partitions, 2*partitions, first, min(from+size, rows)-first))
	}
	r.store(t, int64((rows-1)/(2*partitions)+1))
}

// store says that all was stored up to a sequence of each partition.
func (r *testRecord) store(t testing.TB, sequence int64) {
	t.Helper()
	r.exec(t, fmt.Sprintf("INSERT INTO stored (partition, sequence) SELECT number, %d FROM numbers(%d)", sequence, partitions))
}

// extract writes an extract to a writer and returns how many rows it has.
func (r *testRecord) extract(t testing.TB, q schemas.ExtractQuery, w io.Writer) int64 {
	t.Helper()
	rows, err := r.extractor.Extract(t.Context(), q, func(schemas.Cursor) (io.Writer, error) { return w, nil })
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// bytes returns an extract and the cursor up to which it goes.
func (r *testRecord) bytes(t testing.TB, q schemas.ExtractQuery) ([]byte, schemas.Cursor) {
	t.Helper()
	var out bytes.Buffer
	var until schemas.Cursor
	if _, err := r.extractor.Extract(t.Context(), q, func(c schemas.Cursor) (io.Writer, error) {
		until = c
		return &out, nil
	}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), until
}
