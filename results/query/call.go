package query

import (
	"context"
	"time"

	"github.com/google/uuid"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

const selectCalls = `SELECT account, conversation_id, request_id, sequence_code, calls_in_conversation, method, status,
	error_code, message, attempts, accepted_at, started_at, completed_at, partition, sequence, content, told
FROM calls `

// The statements that select calls, and their arguments.
const (
	// account, request id
	callByRequest = selectCalls + `WHERE account = ? AND request_id = toUUID(?) ORDER BY sequence DESC LIMIT 1`
	// account, ConversationID, sequence code
	callByPart = selectCalls + `WHERE account = ? AND conversation_id = ? AND sequence_code = ? AND status != 'Rejected'
		ORDER BY sequence DESC LIMIT 1`
	// account, request id; the call has no ConversationID
	callAlone = selectCalls + `WHERE account = ? AND conversation_id = '' AND request_id = toUUID(?) AND status != 'Rejected'
		ORDER BY sequence DESC LIMIT 1`
	// account, ConversationID, the sequence code before the first, how many
	callsOfConversation = selectCalls + `WHERE account = ? AND conversation_id = ? AND sequence_code > ? AND status != 'Rejected'
		ORDER BY sequence_code, sequence LIMIT ?`
	// account, partition, sequences
	resultsOfCalls = `SELECT sequence, correlation_id, object_type, customer_key, status, error_code, message
		FROM results WHERE account = ? AND partition = ? AND sequence IN (?) ORDER BY sequence, ordinal`
)

// callRow is a row of the view calls.
type callRow struct {
	Account             string     `ch:"account"`
	ConversationID      string     `ch:"conversation_id"`
	RequestID           uuid.UUID  `ch:"request_id"`
	SequenceCode        int32      `ch:"sequence_code"`
	CallsInConversation int32      `ch:"calls_in_conversation"`
	Method              string     `ch:"method"`
	Status              string     `ch:"status"`
	ErrorCode           string     `ch:"error_code"`
	Message             string     `ch:"message"`
	Attempts            int32      `ch:"attempts"`
	AcceptedAt          time.Time  `ch:"accepted_at"`
	StartedAt           *time.Time `ch:"started_at"`
	CompletedAt         time.Time  `ch:"completed_at"`
	Partition           int32      `ch:"partition"`
	Sequence            int64      `ch:"sequence"`
	Content             uint64     `ch:"content"`
	Told                int32      `ch:"told"`
}

// calls returns the calls of a statement with their results. They are all of one conversation, or one alone.
func (q *Query) calls(ctx context.Context, statement string, args ...any) ([]schemas.CallResource, error) {
	found, err := rows[callRow](ctx, q.conn, statement, args...)
	if err != nil {
		return nil, err
	}
	return q.resources(ctx, found)
}

// resources returns the calls of rows with their results.
func (q *Query) resources(ctx context.Context, found []callRow) ([]schemas.CallResource, error) {
	if len(found) == 0 {
		return []schemas.CallResource{}, nil
	}
	results, err := q.results(ctx, found)
	if err != nil {
		return nil, err
	}
	calls := make([]schemas.CallResource, len(found))
	for i, c := range found {
		calls[i] = schemas.CallResourceOf(c.event(results[c.Sequence]))
	}
	return calls, q.tellings(ctx, found, calls)
}

// conversation is the name that the call's conversation is known by.
func (c callRow) conversation() string {
	if c.ConversationID == "" {
		return c.RequestID.String()
	}
	return c.ConversationID
}

// page returns the calls of a conversation behind a sequence code, at most one more than fit on a page.
func (q *Query) page(ctx context.Context, ask schemas.ConversationQuery) ([]schemas.CallResource, error) {
	calls, err := q.calls(ctx, callsOfConversation, ask.Account, ask.ID, ask.After, schemas.CallsPage+1)
	if err != nil || len(calls) > 0 || ask.After > 0 {
		return calls, err
	}
	id, err := uuid.Parse(ask.ID)
	if err != nil {
		return calls, nil
	}
	return q.calls(ctx, callAlone, ask.Account, id.String())
}

// results returns the results of calls of one conversation, whose events are all of one partition, by the calls' sequences.
func (q *Query) results(ctx context.Context, calls []callRow) (map[int64][]resultRow, error) {
	sequences := make([]int64, len(calls))
	for i, c := range calls {
		sequences[i] = c.Sequence
	}
	found, err := rows[resultRow](ctx, q.conn, resultsOfCalls, calls[0].Account, calls[0].Partition, sequences)
	if err != nil {
		return nil, err
	}
	bySequence := map[int64][]resultRow{}
	for _, r := range found {
		bySequence[r.Sequence] = append(bySequence[r.Sequence], r)
	}
	return bySequence, nil
}

// event is the event that the rows were made of, but for what a status does not tell.
func (c callRow) event(results []resultRow) *parleyv1.ResultEvent {
	call := &parleyv1.CallEvent{
		RequestId:           c.RequestID.String(),
		ConversationId:      c.ConversationID,
		SequenceCode:        c.SequenceCode,
		CallsInConversation: c.CallsInConversation,
		Method:              c.Method,
		Status:              c.Status,
		ErrorCode:           c.ErrorCode,
		Message:             c.Message,
		Attempts:            c.Attempts,
		AcceptedAtMs:        c.AcceptedAt.UnixMilli(),
		CompletedAtMs:       c.CompletedAt.UnixMilli(),
		Results:             make([]*parleyv1.ObjectResult, len(results)),
	}
	if c.StartedAt != nil {
		call.StartedAtMs = c.StartedAt.UnixMilli()
	}
	for i, o := range results {
		call.Results[i] = &parleyv1.ObjectResult{
			CorrelationId: o.CorrelationID,
			ObjectType:    o.ObjectType,
			CustomerKey:   o.CustomerKey,
			Status:        o.Status,
			ErrorCode:     o.ErrorCode,
			Message:       o.Message,
		}
	}
	return &parleyv1.ResultEvent{
		Account:   c.Account,
		Partition: c.Partition,
		Sequence:  c.Sequence,
		Event:     &parleyv1.ResultEvent_Call{Call: call},
	}
}
