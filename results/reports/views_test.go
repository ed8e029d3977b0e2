package reports_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// page is the documentation of the reports; readme shows its first query, too.
const (
	page   = "../../docs/reports.md"
	readme = "../../README.md"
)

// yesterday is the day of the failures below.
var yesterday = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

func at(hour, minute int) time.Time {
	return yesterday.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// day stores the record of a day, each row of it twice:
//
//	order-1    of 4 calls. The first is OK, the second fails in one of its two objects, the others are not processed.
//	order-1~2  takes all but the first of them, and ends well, but for a new failure of the last.
//	order-2    failed, and was resubmitted without the call that failed; what it was resubmitted as has not ended.
//	a call     without a conversation was rejected; another failed, and was resubmitted, and is OK.
//
// An order-1 of account globex failed, too, and the day before acme had a failure.
func day(t testing.TB) driver.Conn {
	t.Helper()
	conn := open(t)
	var results []resultRow
	var calls []callRow
	sequence := int64(0)
	call := func(account, conversation string, code, of int32, status string, ended time.Time, objects ...resultRow) uuid.UUID {
		sequence++
		id := uuid.UUID{15: byte(sequence)}
		calls = append(calls, callRow{account, conversation, id, code, of, status, ended, 3, sequence})
		for i, r := range objects {
			r.Account, r.ConversationID, r.RequestID, r.SequenceCode, r.Ordinal = account, conversation, id, code, int32(i)
			r.Method, r.ObjectType, r.AcceptedAt, r.CompletedAt, r.Partition, r.Sequence = "Create", "Contact", ended.Add(-2*time.Second), ended, 3, sequence
			if r.Status != "Rejected" {
				r.Route = "crm"
			}
			if r.Status == "OK" || r.Status == "Error" {
				started := ended.Add(-time.Second)
				r.StartedAt = &started
			}
			results = append(results, r)
		}
		return id
	}
	object := func(key, status, code, message string) resultRow {
		return resultRow{CustomerKey: key, Status: status, ErrorCode: code, Message: message}
	}
	skipped := func(key string) resultRow { return object(key, "NotProcessed", "CallFailed", "") }

	call("acme", "order-1", 1, 4, "OK", at(8, 0), object("a", "OK", "", ""))
	call("acme", "order-1", 2, 4, "HasErrors", at(9, 0), object("b", "OK", "", ""), object("c", "Error", "Duplicate", "c is there"))
	call("acme", "order-1", 3, 4, "NotProcessed", at(9, 0), skipped("d"))
	call("acme", "order-1", 4, 4, "NotProcessed", at(9, 0), skipped("e"))
	call("acme", "order-1", 2, 4, "Rejected", at(9, 30), object("f", "Rejected", "ConversationIdUsed", ""))
	call("acme", "order-1~2", 1, 3, "OK", at(10, 0), object("b", "OK", "", ""), object("c", "OK", "", ""))
	call("acme", "order-1~2", 2, 3, "OK", at(10, 0), object("d", "OK", "", ""))
	call("acme", "order-1~2", 3, 3, "Error", at(10, 0), object("e", "Error", "Timeout", "no answer"))
	call("acme", "order-2", 1, 2, "Error", at(11, 0), object("g", "Error", "Duplicate", "g is there"))
	call("acme", "order-2", 2, 2, "NotProcessed", at(11, 0), skipped("h"))
	call("acme", "", 1, 1, "Rejected", at(12, 0), object("i", "Rejected", "InvalidBody", "what is this"))
	single := call("acme", "", 1, 1, "Error", at(13, 0), object("j", "Error", "Timeout", "no answer"))
	call("acme", "single~2", 1, 1, "OK", at(14, 0), object("j", "OK", "", ""))
	call("globex", "order-1", 2, 4, "Error", at(9, 0), object("x", "Error", "Duplicate", "x is there"))
	call("acme", "order-0", 1, 1, "Error", at(-5, 0), object("z", "Error", "Timeout", "no answer"))

	ends := []conversationRow{
		{"acme", "order-1", "Error", 4, 4, at(8, 0), at(9, 0), 3, 101, "", ""},
		{"acme", "order-1", "Error", 4, 4, at(8, 0), at(9, 0), 3, 102, "", "order-1~2"},
		{"acme", "order-1~2", "Error", 3, 3, at(9, 0), at(10, 0), 3, 103, "order-1", ""},
		{"acme", "order-2", "Error", 2, 2, at(11, 0), at(11, 0), 3, 104, "", "order-2~2"},
		{"acme", single.String(), "Error", 1, 1, at(13, 0), at(13, 0), 3, 105, "", "single~2"},
		{"acme", "single~2", "Complete", 1, 1, at(13, 0), at(14, 0), 3, 106, single.String(), ""},
		{"globex", "order-1", "Error", 4, 4, at(8, 0), at(9, 0), 3, 107, "", ""},
	}
	twice(t, conn, insertResults, results...)
	twice(t, conn, insertCalls, calls...)
	twice(t, conn, insertConversations, ends...)
	return conn
}

// The page has one query for who asks what failed yesterday, why, and what became of it.
func TestFailedYesterday(t *testing.T) {
	t.Parallel()
	conn := day(t)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "## Which objects failed yesterday")
	_, rest, _ = strings.Cut(rest, "```sql\n")
	query, _, found := strings.Cut(rest, "```")
	if !found || strings.Count(query, "yesterday()") != 1 {
		t.Fatalf("the page asks another question: %q", query)
	}
	if text, err = os.ReadFile(readme); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), query) {
		t.Errorf("%s does not have the query of %s", readme, page)
	}
	if err := conn.Exec(t.Context(), query); err != nil {
		t.Errorf("the query as it stands: %v", err)
	}
	type failure struct {
		ObjectType     string    `ch:"object_type"`
		CustomerKey    string    `ch:"customer_key"`
		Status         string    `ch:"status"`
		ErrorCode      string    `ch:"error_code"`
		Message        string    `ch:"message"`
		ConversationID string    `ch:"conversation_id"`
		Route          string    `ch:"route"`
		CompletedAt    time.Time `ch:"completed_at"`
		Resubmitted    bool      `ch:"resubmitted"`
		ContinuedBy    string    `ch:"continued_by"`
		StatusThen     string    `ch:"status_then"`
		ErrorCodeThen  string    `ch:"error_code_then"`
	}
	var got []string
	for _, f := range selectRows[failure](t, conn, strings.Replace(query, "yesterday()", "toDate('2026-11-21')", 1)) {
		resubmitted := "no"
		if f.Resubmitted {
			resubmitted = "yes"
		}
		got = append(got, strings.Join([]string{f.CompletedAt.Format("15:04"), f.CustomerKey, f.Status, f.ErrorCode, f.Message, f.Route,
			f.ConversationID, resubmitted, f.ContinuedBy, f.StatusThen, f.ErrorCodeThen}, "|"))
	}
	want := []string{
		"09:00|c|Error|Duplicate|c is there|crm|order-1|yes|order-1~2|OK|",
		"09:00|d|NotProcessed|CallFailed||crm|order-1|yes|order-1~2|OK|",
		"09:00|e|NotProcessed|CallFailed||crm|order-1|yes|order-1~2|Error|Timeout",
		"09:30|f|Rejected|ConversationIdUsed|||order-1|no|||",
		"10:00|e|Error|Timeout|no answer|crm|order-1~2|no|||",
		"11:00|g|Error|Duplicate|g is there|crm|order-2|no|||",
		"11:00|h|NotProcessed|CallFailed||crm|order-2|yes|order-2~2||",
		"12:00|i|Rejected|InvalidBody|what is this|||no|||",
		"13:00|j|Error|Timeout|no answer|crm||yes|single~2|OK|",
	}
	if !slices.Equal(got, want) {
		t.Errorf("failures:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What the other views show of that day.
func TestReports(t *testing.T) {
	t.Parallel()
	conn := day(t)
	for _, c := range []struct {
		query string
		want  []string
	}{
		{
			`SELECT toString(day), account, toString(results), toString(failed), toString(latency_p50_ms), toString(round(failed_ratio, 2))
			FROM accounts_by_day ORDER BY day, account`,
			[]string{"2026-11-20|acme|1|1|2048|1", "2026-11-21|acme|15|9|2048|0.6", "2026-11-21|globex|1|1|2048|1"},
		},
		{
			`SELECT toString(hour), route, toString(results), toString(failed), toString(latency_p99_ms), ifNull(toString(execution_p99_ms), 'null')
			FROM routes_by_hour WHERE toHour(hour) BETWEEN 9 AND 12 ORDER BY hour, route`,
			[]string{
				"2026-11-21 09:00:00||1|1|2048|null", "2026-11-21 09:00:00|crm|5|4|2048|1024", "2026-11-21 10:00:00|crm|4|1|2048|1024",
				"2026-11-21 11:00:00|crm|2|2|2048|1024", "2026-11-21 12:00:00||1|1|2048|null",
			},
		},
		{
			`SELECT toString(day), account, status, error_code, toString(results), toString(calls), last_message
			FROM errors_by_day WHERE account = 'acme' ORDER BY day, account, status, error_code`,
			[]string{
				"2026-11-20|acme|Error|Timeout|1|1|no answer", "2026-11-21|acme|Error|Duplicate|2|2|g is there",
				"2026-11-21|acme|Error|Timeout|2|2|no answer", "2026-11-21|acme|NotProcessed|CallFailed|3|3|",
				"2026-11-21|acme|Rejected|ConversationIdUsed|1|1|", "2026-11-21|acme|Rejected|InvalidBody|1|1|what is this",
			},
		},
		{
			`SELECT toString(day), account, status, toString(conversations), toString(calls), toString(resubmitted), toString(duration_p50_ms)
			FROM conversations_by_day ORDER BY day, account, status`,
			[]string{"2026-11-21|acme|Complete|1|1|0|3600000", "2026-11-21|acme|Error|4|10|3|1800000", "2026-11-21|globex|Error|1|4|0|3600000"},
		},
	} {
		if got := lines(t, conn, c.query); !slices.Equal(got, c.want) {
			t.Errorf("%s\nshows\n%s\nwant\n%s", c.query, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// lines returns the rows of a query, all of whose columns are text.
func lines(t testing.TB, conn driver.Conn, query string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%v\nin %s", err, query)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		values := make([]string, len(rows.Columns()))
		targets := make([]any, len(values))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Join(values, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

// Each view is explained in the database and on the page, where its columns are those that it has.
func TestPage(t *testing.T) {
	t.Parallel()
	conn := open(t)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|[^|]*\\| ([^|]*) \\|$").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = strings.ReplaceAll(m[2], "`", "")
	}
	type view struct {
		Name    string   `ch:"name"`
		Comment string   `ch:"comment"`
		Columns []string `ch:"columns"`
	}
	for _, v := range selectRows[view](t, conn, `SELECT t.name AS name, t.comment AS comment, arrayMap(c -> c.2, arraySort(groupArray((c.position, c.name)))) AS columns
		FROM system.tables AS t INNER JOIN (SELECT * FROM system.columns WHERE database = currentDatabase()) AS c ON c.table = t.name
		WHERE t.database = currentDatabase() AND t.engine = 'View' AND t.name NOT IN ('results', 'calls', 'conversations', 'deliveries')
		GROUP BY name, comment`) {
		if v.Comment == "" {
			t.Errorf("view %s has no comment", v.Name)
		}
		if got, want := documented[v.Name], strings.Join(v.Columns, ", "); got != want {
			t.Errorf("the page says of %s:\n%s\nbut it has:\n%s", v.Name, got, want)
		}
		delete(documented, v.Name)
	}
	for name := range documented {
		t.Errorf("the page tells of %s, which is not there", name)
	}
}
