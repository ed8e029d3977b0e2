package sink

import (
	"github.com/google/uuid"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// callRows are rows of calls_log.
type callRows struct {
	account, conversationID  []string
	requestID                []uuid.UUID
	sequenceCode, calls      []int32
	method, action           []string
	status, error, message   []string
	attempts                 []int32
	total, processed, errors []int32
	acceptedAt               []int64
	startedAt                []*int64
	completedAt              []int64
	partition                []int32
	sequence                 []int64
	digest                   []string
}

func (*callRows) table() table {
	return table{"calls_log", []string{
		"account", "conversation_id", "request_id", "sequence_code", "calls_in_conversation", "method", "action",
		"status", "error_code", "message", "attempts", "total", "processed", "errors",
		"accepted_at", "started_at", "completed_at", "partition", "sequence", "digest",
	}}
}

func (r *callRows) len() int { return len(r.account) }

func (r *callRows) values() []any {
	return []any{
		r.account, r.conversationID, r.requestID, r.sequenceCode, r.calls, r.method, r.action,
		r.status, r.error, r.message, r.attempts, r.total, r.processed, r.errors,
		r.acceptedAt, r.startedAt, r.completedAt, r.partition, r.sequence, r.digest,
	}
}

func (r *callRows) add(e event, c *parleyv1.CallEvent) {
	counts := schemas.CallResourceOf(e.ResultEvent)
	r.account = append(r.account, e.Account)
	r.conversationID = append(r.conversationID, c.ConversationId)
	r.requestID = append(r.requestID, e.request)
	r.sequenceCode = append(r.sequenceCode, c.SequenceCode)
	r.calls = append(r.calls, c.CallsInConversation)
	r.method = append(r.method, c.Method)
	r.action = append(r.action, c.Action)
	r.status = append(r.status, c.Status)
	r.error = append(r.error, c.ErrorCode)
	r.message = append(r.message, c.Message)
	r.attempts = append(r.attempts, c.Attempts)
	r.total = append(r.total, int32(counts.Total))
	r.processed = append(r.processed, int32(counts.Processed))
	r.errors = append(r.errors, int32(counts.Errors))
	r.acceptedAt = append(r.acceptedAt, c.AcceptedAtMs)
	r.startedAt = append(r.startedAt, orNull(&c.StartedAtMs))
	r.completedAt = append(r.completedAt, c.CompletedAtMs)
	r.partition = append(r.partition, e.Partition)
	r.sequence = append(r.sequence, e.Sequence)
	r.digest = append(r.digest, string(c.Digest))
}
