package query

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"parley/results/recordtest"
	"parley/schemas"
)

// filledCalls are 300,000 results: 37 granules of them, 19 of calls, 13 of conversations.
const filledCalls = 150_000

// Of tables that are not small, every lookup reads a few granules: those of this package, and what an analyst asks. FINAL takes
// the neighbours of what an index found; of a period there is some in each account and partition.
func TestLookupsReadFewGranules(t *testing.T) {
	t.Parallel()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	recordtest.Fill(t, conn, filledCalls)
	var call struct {
		Account        string    `ch:"account"`
		ConversationID string    `ch:"conversation_id"`
		RequestID      uuid.UUID `ch:"request_id"`
		CorrelationID  string    `ch:"correlation_id"`
		CustomerKey    string    `ch:"customer_key"`
		Partition      int32     `ch:"partition"`
		Sequence       int64     `ch:"sequence"`
	}
	if err := conn.QueryRow(t.Context(), `SELECT account, conversation_id, request_id, correlation_id, customer_key, partition, sequence FROM results
		WHERE conversation_id != '' AND completed_at > '2026-11-10' ORDER BY completed_at LIMIT 1`).ScanStruct(&call); err != nil {
		t.Fatal(err)
	}
	var alone uuid.UUID
	if err := conn.QueryRow(t.Context(), `SELECT request_id FROM calls WHERE account = ? AND conversation_id = '' LIMIT 1`, call.Account).Scan(&alone); err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)
	list, listArgs := list(schemas.ConversationsQuery{Account: call.Account, From: from, To: from.Add(time.Hour), Limit: 100})
	for _, c := range []struct {
		name      string
		most      int // granules
		statement string
		args      []any
	}{
		{"call by request", 2, callByRequest, []any{call.Account, call.RequestID.String()}},
		{"call alone", 2, callAlone, []any{call.Account, alone.String()}},
		{"results of calls", 3, resultsOfCalls, []any{call.Account, call.Partition, []int64{call.Sequence, call.Sequence + 1}}},
		{"call by part", 2, callByPart, []any{call.Account, call.ConversationID, 1}},
		{"calls of a conversation", 2, callsOfConversation, []any{call.Account, call.ConversationID, 0, 100}},
		{"conversation", 4, conversationByName, []any{call.Account, call.ConversationID}},
		{"a page of conversations", 2, list, listArgs},

		{"results by request", 3, `SELECT * FROM results WHERE account = ? AND request_id = ?`, []any{call.Account, call.RequestID}},
		{"results by request alone", 4, `SELECT * FROM results WHERE request_id = ?`, []any{call.RequestID}},
		{"results by conversation", 4, `SELECT * FROM results WHERE account = ? AND conversation_id = ?`, []any{call.Account, call.ConversationID}},
		{"results by conversation alone", 8, `SELECT * FROM results WHERE conversation_id = ?`, []any{call.ConversationID}},
		{"results by correlation id", 4, `SELECT * FROM results WHERE account = ? AND correlation_id = ?`, []any{call.Account, call.CorrelationID}},
		{"results by correlation id alone", 8, `SELECT * FROM results WHERE correlation_id = ?`, []any{call.CorrelationID}},
		{"results by customer key", 4, `SELECT * FROM results WHERE account = ? AND customer_key = ?`, []any{call.Account, call.CustomerKey}},
		{"results by customer key alone", 8, `SELECT * FROM results WHERE customer_key = ?`, []any{call.CustomerKey}},
		{"results by sequences", 3, `SELECT * FROM results WHERE account = ? AND partition = ? AND sequence BETWEEN ? AND ?`, []any{call.Account, call.Partition, call.Sequence, call.Sequence + 500}},
		{"results by sequences, of all accounts", 10, `SELECT * FROM results WHERE partition = ? AND sequence BETWEEN ? AND ?`, []any{call.Partition, call.Sequence, call.Sequence + 500}},
		{"results of an hour", 12, `SELECT * FROM results WHERE account = ? AND completed_at >= ? AND completed_at < ?`, []any{call.Account, from, from.Add(time.Hour)}},
		{"results of an hour, of all accounts", 24, `SELECT * FROM results WHERE completed_at >= ? AND completed_at < ?`, []any{from, from.Add(time.Hour)}},
		{"calls by request alone", 2, `SELECT * FROM calls WHERE request_id = ?`, []any{call.RequestID}},
		{"calls by conversation alone", 3, `SELECT * FROM calls WHERE conversation_id = ?`, []any{call.ConversationID}},
		{"conversations by id alone", 5, `SELECT * FROM conversations WHERE conversation_id = ?`, []any{call.ConversationID}},
	} {
		read, all := granules(t, planOf(t, conn, c.statement, c.args))
		if read == 0 || read > c.most {
			t.Errorf("%s: reads %d of %d granules, want at most %d", c.name, read, all, c.most)
		}
		t.Logf("%s: %d of %d granules", c.name, read, all)
	}
}

var granulesForm = regexp.MustCompile(`Granules: (\d+)/(\d+)`)

// planOf is how the engine would answer a statement, line by line.
func planOf(t *testing.T, conn driver.Conn, statement string, args []any) []string {
	t.Helper()
	var plan []string
	if err := conn.QueryRow(t.Context(), "SELECT groupArray(explain) FROM (EXPLAIN indexes = 1 "+statement+")", args...).Scan(&plan); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return plan
}

// granules are those that a plan reads of all tables, and all that they have.
func granules(t *testing.T, plan []string) (read, of int) {
	t.Helper()
	text := strings.Join(plan, "\n")
	for _, table := range strings.Split(text, "ReadFromMergeTree (")[1:] {
		found := granulesForm.FindAllStringSubmatch(table, -1)
		if len(found) == 0 {
			t.Fatalf("no granules in the plan\n%s", text)
		}
		read += number(t, found[len(found)-1][1])
		of += number(t, found[0][2])
	}
	return read, of
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
