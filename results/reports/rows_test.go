package reports_test

import (
	"context"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"parley/results/recordtest"
)

// resultRow is a row of results_log. callRow and conversationRow are rows of their tables.
type resultRow struct {
	Account        string     `ch:"account"`
	ConversationID string     `ch:"conversation_id"`
	RequestID      uuid.UUID  `ch:"request_id"`
	SequenceCode   int32      `ch:"sequence_code"`
	Ordinal        int32      `ch:"ordinal"`
	CorrelationID  string     `ch:"correlation_id"`
	Method         string     `ch:"method"`
	ObjectType     string     `ch:"object_type"`
	CustomerKey    string     `ch:"customer_key"`
	Status         string     `ch:"status"`
	ErrorCode      string     `ch:"error_code"`
	Message        string     `ch:"message"`
	AcceptedAt     time.Time  `ch:"accepted_at"`
	StartedAt      *time.Time `ch:"started_at"`
	CompletedAt    time.Time  `ch:"completed_at"`
	Partition      int32      `ch:"partition"`
	Sequence       int64      `ch:"sequence"`
	Route          string     `ch:"route"`
}

type callRow struct {
	Account             string    `ch:"account"`
	ConversationID      string    `ch:"conversation_id"`
	RequestID           uuid.UUID `ch:"request_id"`
	SequenceCode        int32     `ch:"sequence_code"`
	CallsInConversation int32     `ch:"calls_in_conversation"`
	Status              string    `ch:"status"`
	CompletedAt         time.Time `ch:"completed_at"`
	Partition           int32     `ch:"partition"`
	Sequence            int64     `ch:"sequence"`
}

type conversationRow struct {
	Account             string    `ch:"account"`
	ConversationID      string    `ch:"conversation_id"`
	Status              string    `ch:"status"`
	CallsInConversation int32     `ch:"calls_in_conversation"`
	Received            int32     `ch:"received"`
	AcceptedAt          time.Time `ch:"accepted_at"`
	CompletedAt         time.Time `ch:"completed_at"`
	Partition           int32     `ch:"partition"`
	Sequence            int64     `ch:"sequence"`
	Continues           string    `ch:"continues"`
	ContinuedBy         string    `ch:"continued_by"`
}

const (
	insertResults = `INSERT INTO results_log (account, conversation_id, request_id, sequence_code, ordinal, correlation_id, method, object_type,
		customer_key, status, error_code, message, accepted_at, started_at, completed_at, partition, sequence, route)`
	insertCalls = `INSERT INTO calls_log (account, conversation_id, request_id, sequence_code, calls_in_conversation, status, completed_at,
		partition, sequence)`
	insertConversations = `INSERT INTO conversations_log (account, conversation_id, status, calls_in_conversation, received, accepted_at,
		completed_at, partition, sequence, continues, continued_by)`
)

// open returns a connection to a new database with the current schema.
func open(t testing.TB) driver.Conn {
	t.Helper()
	return recordtest.Open(t, recordtest.Migrated(t))
}

// insert stores rows in blocks of so many, as somebody does who knows nothing of what was stored before: no block is
// recognised as a repeat.
func insert[R any](ctx context.Context, conn driver.Conn, statement string, rows []R, block int) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_deduplicate": 0, "max_partitions_per_insert_block": 0}))
	for from := 0; from < len(rows); from += block {
		batch, err := conn.PrepareBatch(ctx, statement)
		if err != nil {
			return err
		}
		for i := from; i < min(from+block, len(rows)); i++ {
			if err := batch.AppendStruct(&rows[i]); err != nil {
				return err
			}
		}
		if err := batch.Send(); err != nil {
			return err
		}
	}
	return nil
}

// twice stores rows two times, in other blocks the second time.
func twice[R any](t testing.TB, conn driver.Conn, statement string, rows ...R) {
	t.Helper()
	for _, block := range []int{len(rows), len(rows)/3 + 1} {
		if err := insert(t.Context(), conn, statement, rows, block); err != nil {
			t.Fatal(err)
		}
	}
}

// selectRows returns the rows of a query as structs.
func selectRows[R any](t testing.TB, conn driver.Conn, query string, args ...any) []R {
	t.Helper()
	var rows []R
	if err := conn.Select(t.Context(), &rows, query, args...); err != nil {
		t.Fatalf("%v\nin %s", err, query)
	}
	return rows
}
