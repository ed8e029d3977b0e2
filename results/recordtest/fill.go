package recordtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// fillChunk is how many calls Fill inserts at a time.
const fillChunk = 50_000

// Fill inserts calls as they come in practice, with two results each: two accounts, four partitions, a call every 12 s
// from 2026-11-01 on; identifiers, keys and digests are random. Two of three calls are parts of a conversation of two, one
// is alone; one in fifty fails, with a message. Then it merges the parts of each table, as time would.
func Fill(tb testing.TB, conn driver.Conn, calls int) {
	tb.Helper()
	for from := 0; from < calls; from += fillChunk {
		source := strings.NewReplacer("$from", fmt.Sprint(from), "$n", fmt.Sprint(min(fillChunk, calls-from))).Replace(fillCalls)
		for _, insert := range []string{fillResults, fillCallsLog, fillConversations} {
			execute(tb, conn, strings.Replace(insert, "$calls", source, 1))
		}
	}
	for _, table := range []string{"results_log", "calls_log", "conversations_log", "conversations_by_acceptance"} {
		execute(tb, conn, "OPTIMIZE TABLE "+table+" FINAL")
	}
}

func execute(tb testing.TB, conn driver.Conn, statement string) {
	tb.Helper()
	if err := conn.Exec(context.Background(), statement); err != nil {
		tb.Fatalf("%v\n%s", err, statement)
	}
}

// The n-th call is of the conversation c, if it is not alone.
const fillCalls = `(
	SELECT number AS n, intDiv(n, 3) AS c, n % 3 = 2 AS alone, concat('account-', toString(c % 2)) AS account,
		reinterpretAsUUID(sipHash128(n, 'request')) AS id,
		concat('order-', lower(hex(sipHash64(c, 'conversation')))) AS name,
		toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + 12 * n + (sipHash64(n, 'ms') % 12000) / 1000 AS at,
		c % 4 AS partition, if(n % 50 = 0, 'Error', 'OK') AS status, if(n % 50 = 0, 'CallFailed', '') AS error_code,
		if(n % 50 = 0, concat('stock of item ', toString(n), ' does not suffice'), '') AS message
	FROM numbers($from, $n))`

const (
	fillResults = `INSERT INTO results_log (account, conversation_id, request_id, sequence_code, ordinal, correlation_id, method, object_type,
		customer_key, status, error_code, message, accepted_at, started_at, completed_at, partition, sequence, route, subject)
	SELECT account, if(alone, '', name), id, 1 + n % 3 % 2, ordinal, concat('line-', lower(hex(sipHash64(n, ordinal)))), 'Create',
		if(ordinal = 0, 'Order', 'Subscriber'), concat('key-', lower(hex(sipHash64(n, ordinal, 'key')))), status, error_code, message,
		at, at + 0.004, at + 0.012, partition, 5 * intDiv(n, 12) + 1 + n % 3, 'crm', sipHash64(n % 10000)
	FROM $calls ARRAY JOIN [0, 1] AS ordinal`
	fillCallsLog = `INSERT INTO calls_log (account, conversation_id, request_id, sequence_code, calls_in_conversation, method, status,
		error_code, message, attempts, total, processed, errors, accepted_at, started_at, completed_at, partition, sequence, digest, route, trace_id)
	SELECT account, if(alone, '', name), id, 1 + n % 3 % 2, if(alone, 1, 2), 'Create', status, error_code, message, 1, 2, 2, n % 50 = 0 ? 2 : 0,
		at, at + 0.004, at + 0.012, partition, 5 * intDiv(n, 12) + 1 + n % 3, concat(sipHash128(n, 'a'), sipHash128(n, 'b')), 'crm', lower(hex(sipHash128(n, 'trace')))
	FROM $calls`
	fillConversations = `INSERT INTO conversations_log (account, conversation_id, request_id, status, error_code, message,
		calls_in_conversation, received, processed, errors, accepted_at, started_at, completed_at, partition, sequence)
	SELECT account, if(alone, toString(id), name), if(alone, id, NULL), if(status = 'OK', 'Complete', 'Error'), error_code, message,
		if(alone, 1, 2), if(alone, 1, 2), if(alone, 1, 2), 0, at, at + 0.004, at + 0.012, partition, 5 * intDiv(n, 12) + 1 + if(alone, 4, 3)
	FROM $calls WHERE n % 3 != 0`
)
