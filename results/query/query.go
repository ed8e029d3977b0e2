// Package query answers from ClickHouse what became of calls and conversations: those that ended, and of which the
// sink has stored the events. What is still open its owner knows.
package query

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/schemas"
)

// Query answers questions. It may be shared. A Wait is not waited: the record of what has ended does not change.
//
// Its errors wrap schemas.ErrUnknown when ClickHouse holds nothing of what was asked for, which may be on its way
// there, and schemas.ErrUnavailable when ClickHouse gave no answer in time.
type Query struct {
	conn   driver.Conn
	bounds bounds
	// searching is held by each search that is under way.
	searching chan struct{}
}

// bounds are how long ClickHouse may take: whoever asks has a caller waiting.
type bounds struct {
	// answer bounds an answer, and search a page of results.
	answer, search time.Duration
	// patience is after how long a page of results is given as it is, so that whoever looks for something rare gets on from
	// page to page, however many results there are.
	patience time.Duration
}

// New returns a Query to a database with the current schema (record.Open, record.Migrate). The caller closes conn.
func New(conn driver.Conn) *Query {
	return &Query{
		conn:      conn,
		bounds:    bounds{answer: 2 * time.Second, search: 10 * time.Second, patience: 3 * time.Second},
		searching: make(chan struct{}, searchesMax),
	}
}

// Request returns the status of a call.
func (q *Query) Request(ctx context.Context, ask schemas.RequestQuery) (schemas.CallResource, error) {
	ctx, cancel := context.WithTimeout(ctx, q.bounds.answer)
	defer cancel()
	calls, err := q.request(ctx, ask)
	if err != nil {
		return schemas.CallResource{}, fmt.Errorf("look up request %s: %w", ask.ID, err)
	}
	if len(calls) == 0 {
		return schemas.CallResource{}, fmt.Errorf("look up request %s: %w", ask.ID, schemas.ErrUnknown)
	}
	return calls[0], nil
}

// Conversation returns the status of a conversation with a page of its calls. Rejected calls are not among them: they
// took no part in it.
func (q *Query) Conversation(ctx context.Context, ask schemas.ConversationQuery) (schemas.ConversationResource, error) {
	ctx, cancel := context.WithTimeout(ctx, q.bounds.answer)
	defer cancel()
	c, err := q.conversation(ctx, ask)
	if err != nil {
		return schemas.ConversationResource{}, fmt.Errorf("look up conversation %q: %w", ask.ID, err)
	}
	return c, nil
}

// Calls returns a page of the calls of a conversation that have ended, as Conversation does, whether the conversation
// has ended or not. None is no error.
func (q *Query) Calls(ctx context.Context, ask schemas.ConversationQuery) ([]schemas.CallResource, error) {
	ctx, cancel := context.WithTimeout(ctx, q.bounds.answer)
	defer cancel()
	calls, err := q.page(ctx, ask)
	if err != nil {
		return nil, fmt.Errorf("look up calls of conversation %q: %w", ask.ID, err)
	}
	return calls[:min(len(calls), schemas.CallsPage)], nil
}

func (q *Query) request(ctx context.Context, ask schemas.RequestQuery) ([]schemas.CallResource, error) {
	statement, args := callByRequest, []any{ask.Account, ask.ID.String()}
	switch {
	case ask.Part == nil:
	case ask.Part.ConversationID == "":
		statement = callAlone
	default:
		statement, args = callByPart, []any{ask.Account, ask.Part.ConversationID, ask.Part.SequenceCode}
	}
	found, err := rows[callRow](ctx, q.conn, statement, args...)
	if err != nil {
		return nil, err
	}
	calls, err := q.resources(ctx, found)
	for i := range calls {
		calls[i].Conflicting = ask.Conflicts(found[i].Content)
	}
	return calls, err
}

// rows reads all rows of a statement.
func rows[T any](ctx context.Context, conn driver.Conn, statement string, args ...any) ([]T, error) {
	var out []T
	if err := conn.Select(ctx, &out, statement, args...); err != nil {
		return nil, fmt.Errorf("%w: %w", schemas.ErrUnavailable, err)
	}
	return out, nil
}
