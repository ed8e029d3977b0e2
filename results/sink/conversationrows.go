package sink

import (
	"github.com/google/uuid"

	parleyv1 "parley/schemas/parley/v1"
)

// conversationRows are rows of conversations_log.
type conversationRows struct {
	account, conversationID []string
	requestID               []*uuid.UUID
	status, error, message  []string
	calls, received         []int32
	processed, errors       []int32
	acceptedAt              []int64
	startedAt               []*int64
	completedAt             []int64
	partition               []int32
	sequence                []int64
}

func (*conversationRows) table() table {
	return table{"conversations_log", []string{
		"account", "conversation_id", "request_id", "status", "error_code", "message", "calls_in_conversation",
		"received", "processed", "errors", "accepted_at", "started_at", "completed_at", "partition", "sequence",
	}}
}

func (r *conversationRows) len() int { return len(r.account) }

func (r *conversationRows) values() []any {
	return []any{
		r.account, r.conversationID, r.requestID, r.status, r.error, r.message, r.calls,
		r.received, r.processed, r.errors, r.acceptedAt, r.startedAt, r.completedAt, r.partition, r.sequence,
	}
}

func (r *conversationRows) add(e event, c *parleyv1.ConversationEvent) {
	name, request := c.ConversationId, (*uuid.UUID)(nil)
	if name == "" {
		name, request = e.request.String(), &e.request
	}
	r.account = append(r.account, e.Account)
	r.conversationID = append(r.conversationID, name)
	r.requestID = append(r.requestID, request)
	r.status = append(r.status, c.Status)
	r.error = append(r.error, c.ErrorCode)
	r.message = append(r.message, c.Message)
	r.calls = append(r.calls, c.CallsInConversation)
	r.received = append(r.received, c.Received)
	r.processed = append(r.processed, c.Processed)
	r.errors = append(r.errors, c.Errors)
	r.acceptedAt = append(r.acceptedAt, c.AcceptedAtMs)
	r.startedAt = append(r.startedAt, orNull(&c.StartedAtMs))
	r.completedAt = append(r.completedAt, c.CompletedAtMs)
	r.partition = append(r.partition, e.Partition)
	r.sequence = append(r.sequence, e.Sequence)
}
