package record_test

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"parley/results/record"
	"parley/results/recordtest"
)

// From each version that there has been, with rows of that version, every view shows what it shows of the same rows in a
// database that was new.
func TestMigrateFromEachVersion(t *testing.T) {
	t.Parallel()
	versions, err := record.Versions()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		t.Run(fmt.Sprint(v), func(t *testing.T) {
			t.Parallel()
			old := databaseAt(t, v)
			columns := old.fill(t, old.columns(t), 0, 300)
			if err := record.Migrate(t.Context(), old.dsn, nil, record.Schema{}, slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			old.equal(t, filled(t, columns, 300))
		})
	}
}

// Several starters at once find rows of the version before the exchange of tables.
func TestMigrateRowsConcurrently(t *testing.T) {
	t.Parallel()
	old := databaseAt(t, 6)
	columns := old.fill(t, old.columns(t), 0, 300)
	var starters errgroup.Group
	for range 5 {
		starters.Go(func() error {
			return record.Migrate(t.Context(), old.dsn, nil, record.Schema{}, slog.New(slog.DiscardHandler))
		})
	}
	if err := starters.Wait(); err != nil {
		t.Fatal(err)
	}
	old.equal(t, filled(t, columns, 300))
}

// A starter is killed before each of its changes in turn, of the step in which it counts how far it came: all others are
// statements that may run again. The next one completes what it began.
func TestMigrateKilled(t *testing.T) {
	t.Parallel()
	want := databaseAt(t, record.ReorderVersion)
	before := int64(0)
	for killed := record.ErrKilled; killed != nil; before++ {
		old := databaseAt(t, record.ReorderVersion-1)
		columns := old.fill(t, old.columns(t), 0, 40)
		if before == 0 {
			want.fill(t, columns, 0, 40)
		}
		killed = record.MigrateKilled(t.Context(), old.dsn, record.ReorderVersion, before)
		if killed != nil && !errors.Is(killed, record.ErrKilled) {
			t.Fatalf("killed before change %d: %v", before, killed)
		}
		if err := record.MigrateTo(t.Context(), old.dsn, record.ReorderVersion); err != nil {
			t.Fatalf("after a starter was killed before change %d: %v", before, err)
		}
		old.equal(t, want)
	}
	if before < 8 {
		t.Errorf("a starter made %d changes; the test does not reach it", before)
	}
}

// Every statement of a file may run again, also when the ones behind it have run.
func TestStatementsTwice(t *testing.T) {
	t.Parallel()
	versions, err := record.Versions()
	if err != nil {
		t.Fatal(err)
	}
	d := databaseAt(t, 1)
	columns := d.fill(t, d.columns(t), 0, 40)
	for range 2 {
		for _, v := range versions {
			statements, err := record.Statements(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range statements {
				d.exec(t, s)
				d.exec(t, s)
			}
			if v == record.ReorderVersion {
				if err := record.Reorder(t.Context(), d.dsn); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := record.Migrate(t.Context(), d.dsn, nil, record.Schema{}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	d.equal(t, filled(t, columns, 40))
}

// A sink of an earlier version goes on inserting while the tables are exchanged. Whatever it was told to be stored is
// there, also what it began to insert when results_log was the first table and ended when it was another.
func TestMigrateWhileOldSinkInserts(t *testing.T) {
	t.Parallel()
	const calls = 200
	old := databaseAt(t, 6)
	columns := old.columns(t)
	old.fill(t, columns, 0, calls)
	begun, err := old.begin(t, insertion("results_log", columns["results_log"], calls, calls+1))
	if err != nil {
		t.Fatal(err)
	}

	migrated := make(chan error, 1)
	go func() {
		migrated <- record.Migrate(t.Context(), old.dsn, nil, record.Schema{}, slog.New(slog.DiscardHandler))
	}()
	next, done := calls+1, false
	for !done {
		select {
		case err := <-migrated:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
		// As the sink does, it inserts the same again until it is told that it is stored.
		for old.insert(t, insertion("results_log", columns["results_log"], next, next+1)) != nil && t.Context().Err() == nil {
		}
		next++
		if begun != nil && old.exchanged(t) {
			if err := begun.Send(); err != nil {
				t.Fatal(err)
			}
			begun = nil
		}
	}
	if begun != nil {
		t.Fatal("the migration did not wait for an insert that was under way")
	}
	for _, table := range []string{"calls_log", "conversations_log"} {
		old.exec(t, insertion(table, columns[table], calls, next))
	}
	old.equal(t, filled(t, columns, next))
}

// insert inserts what a statement would insert, in a batch, as a sink does.
func (d *database) insert(t *testing.T, insertion string) error {
	t.Helper()
	batch, err := d.begin(t, insertion)
	if err != nil {
		return err
	}
	return batch.Send()
}

// begin begins an insert of what a statement would insert. An error is one of the insert.
func (d *database) begin(t *testing.T, insertion string) (driver.Batch, error) {
	t.Helper()
	into, source, _ := strings.Cut(insertion, "\n")
	rows, err := d.conn.Query(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	batch, err := d.conn.PrepareBatch(t.Context(), into)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row := make([]any, len(rows.ColumnTypes()))
		for i, c := range rows.ColumnTypes() {
			row[i] = reflect.New(c.ScanType()).Interface()
		}
		if err := rows.Scan(row...); err != nil {
			t.Fatal(err)
		}
		for i := range row {
			row[i] = reflect.ValueOf(row[i]).Elem().Interface()
		}
		if err := batch.Append(row...); err != nil {
			t.Fatal(err)
		}
	}
	return batch, errors.Join(rows.Err(), batch.Flush())
}

// exchanged reports whether the first results_log was set aside.
func (d *database) exchanged(t *testing.T) bool {
	t.Helper()
	return len(d.read(t, "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'results_log_aside_%'")) > 0
}

// What a starter does that acts on what it saw long ago: the table that is in its place already is set aside, with rows
// that only the new one can hold. Others find it, wherever it stands.
func TestReorderStaleStarter(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string][]string{
		"no other": nil,
		"an empty one follows": {
			"CREATE TABLE results_log_in_sequence AS results_log_aside_1",
		},
		"an empty one has taken its place": {
			"CREATE TABLE results_log AS results_log_aside_1",
			"CREATE TABLE results_log_in_sequence AS results_log_aside_1",
		},
		"the first one is copied at the same time": {
			"CREATE TABLE results_log_aside_0 AS results_log_aside_1 ORDER BY (account, conversation_id, sequence_code, request_id, partition, sequence, ordinal)",
			"INSERT INTO results_log_aside_0 SELECT * FROM results_log_aside_1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := databaseAt(t, record.ReorderVersion)
			columns := d.fill(t, d.columns(t), 0, 40)
			d.exec(t, "RENAME TABLE results_log TO results_log_aside_1")
			for _, s := range statements {
				d.exec(t, s)
			}
			if err := record.Reorder(t.Context(), d.dsn); err != nil {
				t.Fatal(err)
			}
			if err := record.Migrate(t.Context(), d.dsn, nil, record.Schema{}, slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			d.equal(t, filled(t, columns, 40))
			if left := d.read(t, "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'results_log_%'"); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// database is one of a test.
type database struct {
	dsn  string
	conn driver.Conn
}

// databaseAt returns a database as a program has left it of which the version was the newest.
func databaseAt(t *testing.T, version int64) *database {
	t.Helper()
	d := &database{dsn: recordtest.DSN(t)}
	if err := record.MigrateTo(t.Context(), d.dsn, version); err != nil {
		t.Fatal(err)
	}
	d.conn = recordtest.Open(t, d.dsn)
	return d
}

// filled returns a database that was new when it received rows, in the columns given.
func filled(t *testing.T, columns map[string][]string, n int) *database {
	t.Helper()
	dsn := recordtest.Migrated(t)
	d := &database{dsn, recordtest.Open(t, dsn)}
	d.fill(t, columns, 0, n)
	return d
}

func (d *database) exec(t *testing.T, statement string) {
	t.Helper()
	if err := d.conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// read returns the first column of a statement, of type String.
func (d *database) read(t *testing.T, statement string) []string {
	t.Helper()
	rows, err := d.conn.Query(t.Context(), statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// columns are those of each table that a sink fills.
func (d *database) columns(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range []string{"results_log", "calls_log", "conversations_log", "deliveries_log"} {
		all[table] = d.read(t, fmt.Sprintf("SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '%s' ORDER BY position", table))
	}
	return all
}

// The call of a number has two objects; every third call has no ConversationID; times pass the end of a month within 100
// calls. Of its conversation, every tenth was resubmitted, and has a second row.
var values = map[string]string{
	"account":               "if(n % 2 = 0, 'acme', 'zeta')",
	"conversation_id":       "if(single, '', 'order-' || toString(n))",
	"request_id":            "id",
	"sequence_code":         "1",
	"ordinal":               "object",
	"correlation_id":        "'c-' || toString(object)",
	"method":                "'Create'",
	"object_type":           "'Row'",
	"customer_key":          "'key-' || toString(n)",
	"status":                "if(n % 5 = 0, 'Error', 'OK')",
	"error_code":            "if(n % 5 = 0, 'CallFailed', '')",
	"message":               "if(n % 5 = 0, 'no', '')",
	"accepted_at":           "at",
	"begun_at":              "at",
	"started_at":            "if(n % 7 = 0, NULL, at + 1)",
	"completed_at":          "at + 2",
	"partition":             "n % 4",
	"sequence":              "10 * intDiv(n, 4) + event",
	"about":                 "10 * intDiv(n, 4) + 1",
	"route":                 "'crm'",
	"subject":               "cityHash64(n)",
	"calls_in_conversation": "1",
	"action":                "''",
	"attempts":              "1 + n % 3",
	"total":                 "2",
	"processed":             "2",
	"received":              "1",
	"errors":                "n % 5 = 0 ? 1 : 0",
	"digest":                "unhex(hex(n))",
	"content":               "n",
	"trace_id":              "lower(hex(n))",
	"continues":             "''",
	"continued_by":          "if(event = 3, 'order-' || toString(n) || '~2', '')",
	"told":                  "n % 3",
	"type":                  "'call.completed'",
	"response_type":         "'HTTPPost'",
	"response_address":      "'https://example.com/' || toString(n)",
}

// ofName has the values of columns that are others in the tables of conversations.
var ofName = map[string]string{
	"conversation_id": "if(single, toString(id), 'order-' || toString(n))",
	"request_id":      "if(single, id, NULL)",
}

// fill inserts the rows of calls [from, to) into the given columns of each table, those of the last half twice. It returns
// the columns.
func (d *database) fill(t *testing.T, columns map[string][]string, from, to int) map[string][]string {
	t.Helper()
	for _, table := range []string{"results_log", "calls_log", "conversations_log", "deliveries_log"} {
		if len(columns[table]) == 0 {
			continue
		}
		d.exec(t, insertion(table, columns[table], from, to))
		d.exec(t, insertion(table, columns[table], (from+to)/2, to))
	}
	return columns
}

// insertion is the statement that inserts the rows of calls.
func insertion(table string, columns []string, from, to int) string {
	// A call has an event for its end, one for that of its conversation, perhaps one for the resubmission, and a delivery.
	source := map[string]string{
		"results_log":       "SELECT *, 1 AS event, arrayJoin([0, 1]) AS object FROM calls",
		"calls_log":         "SELECT *, 1 AS event FROM calls",
		"conversations_log": "SELECT *, arrayJoin(n % 10 = 0 ? [2, 3] : [2]) AS event FROM calls",
		"deliveries_log":    "SELECT *, 4 AS event FROM calls",
	}[table]
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = values[c]
		if other := ofName[c]; other != "" && (table == "conversations_log" || table == "deliveries_log") {
			list[i] = other
		}
	}
	return fmt.Sprintf(`INSERT INTO %s (%s)
		WITH calls AS (SELECT number AS n, n %% 3 = 0 AS single, toUUID('00000000-0000-4000-8000-' || leftPad(toString(n), 12, '0')) AS id,
			toDateTime64('2026-10-31 23:59:00', 3, 'UTC') + n AS at FROM numbers(%d, %d))
		SELECT %s FROM (%s) SETTINGS max_partitions_per_insert_block = 0, insert_deduplicate = 0, distributed_foreground_insert = 1`,
		table, strings.Join(columns, ", "), from, to-from, strings.Join(list, ", "), source)
}

// equal compares all views with those of another database, row by row.
func (d *database) equal(t *testing.T, want *database) {
	t.Helper()
	d.equalIn(t, want, want.read(t, "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"))
}

// equalIn compares some views, and the table behind lists.
func (d *database) equalIn(t *testing.T, want *database, views []string) {
	t.Helper()
	if len(views) < 4 {
		t.Fatalf("views are %q", views)
	}
	for _, view := range append(views, "conversations_by_acceptance FINAL") {
		statement := "SELECT toString(tuple(*)) AS row FROM " + view + " ORDER BY row"
		if got, want := d.read(t, statement), want.read(t, statement); !slices.Equal(got, want) {
			t.Errorf("%s has %d rows, want %d, or others:\n%s", view, len(got), len(want), difference(got, want))
		}
	}
}

// difference shows the first rows that one has and the other has not.
func difference(got, want []string) string {
	var lines []string
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			for _, rows := range [][]string{got, want} {
				if i < len(rows) {
					lines = append(lines, rows[i])
				}
			}
			break
		}
	}
	return strings.Join(lines, "\n")
}
