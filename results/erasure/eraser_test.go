package erasure_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/results/erasure"
	"parley/results/record"
	"parley/results/recordtest"
	"parley/schemas"
)

func TestMain(m *testing.M) { os.Exit(recordtest.Run(m)) }

// row is a result of the one object of a call, and the call.
type row struct {
	account   string
	who       string // the object's subscriberKey
	partition int32
	sequence  int64
	completed time.Time
}

var day = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// insert stores rows as the sink does; each time as if for the first.
func insert(t *testing.T, conn driver.Conn, rows ...row) {
	t.Helper()
	for _, r := range rows {
		id := fmt.Sprintf("00000000-0000-8000-%04x-%012x", r.partition, r.sequence)
		once := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"insert_deduplication_token": rand.Text()}))
		for _, statement := range []string{
			fmt.Sprintf(`INSERT INTO results_log (account, conversation_id, request_id, correlation_id, customer_key, status, message, completed_at, partition, sequence, subject)
				VALUES ('%s', 'c', '%s', 'correlation', 'row-of-%s', 'OK', 'word of %s', '%s', %d, %d, %d)`,
				r.account, id, r.who, r.who, r.completed.Format(time.DateTime), r.partition, r.sequence, schemas.Subject(r.account, r.who)),
			fmt.Sprintf(`INSERT INTO calls_log (account, conversation_id, request_id, status, message, total, completed_at, partition, sequence)
				VALUES ('%s', 'c', '%s', 'OK', 'word of %s', 1, '%s', %d, %d)`, r.account, id, r.who, r.completed.Format(time.DateTime), r.partition, r.sequence),
			fmt.Sprintf(`INSERT INTO stored (partition, sequence) VALUES (%d, %d)`, r.partition, r.sequence),
		} {
			if err := conn.Exec(once, statement); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// told is what the views say of each result: account, place, customer key and the messages of the object and of its call.
func told(t *testing.T, conn driver.Conn) []string {
	t.Helper()
	var out []string
	err := conn.QueryRow(t.Context(), `SELECT arraySort(groupArray(concat(r.account, ' ', toString(r.partition), '-', toString(r.sequence), ' ', r.correlation_id, ' ',
		r.customer_key, ', ', r.message, ', ', c.message)))
		FROM results AS r INNER JOIN calls AS c ON r.account = c.account AND r.partition = c.partition AND r.sequence = c.sequence`).Scan(&out)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// everything are all rows of the tables, merged or not, as text.
func everything(t *testing.T, conn driver.Conn) []string {
	t.Helper()
	var out []string
	if err := conn.QueryRow(t.Context(), `SELECT groupArray(text) FROM (
		SELECT toString(tuple(*)) AS text FROM results_log UNION ALL SELECT toString(tuple(*)) FROM calls_log)`).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func ann(upto map[int32]int64) schemas.RecordErasure {
	return schemas.RecordErasure{Account: "acme", Subject: schemas.Subject("acme", "ann"), Upto: upto}
}

func TestErase(t *testing.T) {
	t.Parallel()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	rows := []row{
		{"acme", "ann", 0, 1, day}, {"acme", "bob", 0, 2, day}, {"acme", "ann", 3, 1, day.AddDate(0, -1, 0)},
		{"umbra", "ann", 0, 3, day}, {"acme", "", 0, 4, day}, {"acme", "ann", 0, 5, day},
	}
	insert(t, conn, rows...)
	insert(t, conn, rows[0]) // once more, in a part of its own
	e := erasure.New(conn)
	before := told(t, conn)

	ask := ann(map[int32]int64{0: 4, 3: 1})
	ask.DryRun = true
	want := schemas.RecordErased{Results: 2, Calls: 2}
	if got, err := e.Erase(t.Context(), ask); err != nil || got != want {
		t.Errorf("a dry run finds %+v, %v, want %+v", got, err, want)
	}
	if got := told(t, conn); !reflect.DeepEqual(got, before) {
		t.Errorf("a dry run changes the record to %q", got)
	}
	ask.DryRun = false
	if got, err := e.Erase(t.Context(), ask); err != nil || got != want {
		t.Errorf("it finds %+v, %v, want %+v", got, err, want)
	}
	after := []string{
		"acme 0-1 correlation , , ",
		"acme 0-2 correlation row-of-bob, word of bob, word of bob",
		"acme 0-4 correlation row-of-, word of , word of ",
		"acme 0-5 correlation row-of-ann, word of ann, word of ann",
		"acme 3-1 correlation , , ",
		"umbra 0-3 correlation row-of-ann, word of ann, word of ann",
	}
	if got := told(t, conn); !reflect.DeepEqual(got, after) {
		t.Errorf("the record tells\n%q, want\n%q", got, after)
	}
	words := 0
	for _, text := range everything(t, conn) {
		if strings.Contains(text, "word of ann") {
			words++
		}
	}
	if words != 4 { // of the other account, and of the later call
		t.Errorf("%d rows of the tables speak of ann, want 4", words)
	}
	if got, err := e.Erase(t.Context(), ask); err != nil || got != (schemas.RecordErased{}) {
		t.Errorf("once more it finds %+v, %v", got, err)
	}
}

// A row that comes again, later than ClickHouse remembers inserts, is found, whoever was erased before it came or after.
func TestRepeat(t *testing.T) {
	t.Parallel()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	e := erasure.New(conn)
	if got, err := e.Repeat(t.Context()); err != nil || got != (schemas.RecordErased{}) {
		t.Errorf("without an erasure it repeats %+v, %v", got, err)
	}
	first, later := row{"acme", "ann", 0, 1, day}, row{"acme", "ann", 0, 2, day}
	insert(t, conn, first, later, row{"acme", "bob", 0, 3, day})
	for range 2 {
		if _, err := e.Erase(t.Context(), ann(map[int32]int64{0: 1})); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := e.Repeat(t.Context()); err != nil || got != (schemas.RecordErased{}) {
		t.Errorf("when nothing came again it repeats %+v, %v", got, err)
	}
	insert(t, conn, first)
	if got, err := e.Repeat(t.Context()); err != nil || got != (schemas.RecordErased{Results: 1, Calls: 1}) {
		t.Errorf("it repeats %+v, %v, want one row of each", got, err)
	}
	want := []string{
		"acme 0-1 correlation , , ",
		"acme 0-2 correlation row-of-ann, word of ann, word of ann",
		"acme 0-3 correlation row-of-bob, word of bob, word of bob",
	}
	if got := told(t, conn); !reflect.DeepEqual(got, want) {
		t.Errorf("the record tells\n%q, want\n%q", got, want)
	}
}

// Nothing is erased before all events are stored that it is about.
func TestEraseWaits(t *testing.T) {
	t.Parallel()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	insert(t, conn, row{"acme", "ann", 0, 1, day})
	e := erasure.New(conn)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	ask := ann(map[int32]int64{0: 2, 1: 0})
	if got, err := e.Erase(ctx, ask); !errors.Is(err, schemas.ErrUnavailable) {
		t.Errorf("it does not wait: %+v, %v", got, err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := e.Erase(t.Context(), ask)
		done <- err
	}()
	insert(t, conn, row{"acme", "ann", 0, 2, day})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := []string{"acme 0-1 correlation , , ", "acme 0-2 correlation , , "}
	if got := told(t, conn); !reflect.DeepEqual(got, want) {
		t.Errorf("the record tells %q, want %q", got, want)
	}
}

func TestEraseWithoutClickHouse(t *testing.T) {
	t.Parallel()
	conn, err := record.Open("clickhouse://127.0.0.1:1/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	e := erasure.New(conn)
	if _, err := e.Erase(t.Context(), ann(nil)); !errors.Is(err, schemas.ErrUnavailable) {
		t.Errorf("erase: %v", err)
	}
	if _, err := e.Repeat(t.Context()); !errors.Is(err, schemas.ErrUnavailable) {
		t.Errorf("repeat: %v", err)
	}
}

// What a call says of ann its other objects say, too, whosever they are.
func TestEraseWhatOthersSay(t *testing.T) {
	t.Parallel()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	insert(t, conn, row{"acme", "ann", 0, 1, day}, row{"acme", "bob", 0, 2, day})
	if err := conn.Exec(t.Context(), `INSERT INTO results_log (account, customer_key, message, ordinal, completed_at, partition, sequence, subject)
		SELECT account, 'row-of-bob', message, 1, completed_at, partition, sequence, 7 FROM results_log WHERE sequence = 1`); err != nil {
		t.Fatal(err)
	}
	if got, err := erasure.New(conn).Erase(t.Context(), ann(map[int32]int64{0: 2})); err != nil || got != (schemas.RecordErased{Results: 1, Calls: 1}) {
		t.Errorf("it finds %+v, %v", got, err)
	}
	if got := told(t, conn); !reflect.DeepEqual(got, []string{
		"acme 0-1  row-of-bob, , ", "acme 0-1 correlation , , ", "acme 0-2 correlation row-of-bob, word of bob, word of bob",
	}) {
		t.Errorf("the record tells %q", got)
	}
}
