package sink

import (
	"github.com/google/uuid"

	parleyv1 "parley/schemas/parley/v1"
)

// resultRows are rows of results_log, one per object of a call.
type resultRows struct {
	account, conversationID                                       []string
	requestID                                                     []uuid.UUID
	sequenceCode, ordinal                                         []int32
	correlationID, method, objectType, customerKey, status, error []string
	message                                                       []string
	acceptedAt                                                    []int64
	startedAt                                                     []*int64
	completedAt                                                   []int64
	partition                                                     []int32
	sequence                                                      []int64
}

func (*resultRows) table() table {
	return table{"results_log", []string{
		"account", "conversation_id", "request_id", "sequence_code", "ordinal", "correlation_id", "method", "object_type",
		"customer_key", "status", "error_code", "message", "accepted_at", "started_at", "completed_at", "partition", "sequence",
	}}
}

func (r *resultRows) len() int { return len(r.account) }

func (r *resultRows) values() []any {
	return []any{
		r.account, r.conversationID, r.requestID, r.sequenceCode, r.ordinal, r.correlationID, r.method, r.objectType,
		r.customerKey, r.status, r.error, r.message, r.acceptedAt, r.startedAt, r.completedAt, r.partition, r.sequence,
	}
}

func (r *resultRows) add(e event, c *parleyv1.CallEvent) {
	started := orNull(&c.StartedAtMs)
	for i, o := range c.Results {
		r.account = append(r.account, e.Account)
		r.conversationID = append(r.conversationID, c.ConversationId)
		r.requestID = append(r.requestID, e.request)
		r.sequenceCode = append(r.sequenceCode, c.SequenceCode)
		r.ordinal = append(r.ordinal, int32(i))
		r.correlationID = append(r.correlationID, o.GetCorrelationId())
		r.method = append(r.method, c.Method)
		r.objectType = append(r.objectType, o.GetObjectType())
		r.customerKey = append(r.customerKey, o.GetCustomerKey())
		r.status = append(r.status, o.GetStatus())
		r.error = append(r.error, o.GetErrorCode())
		r.message = append(r.message, o.GetMessage())
		r.acceptedAt = append(r.acceptedAt, c.AcceptedAtMs)
		r.startedAt = append(r.startedAt, started)
		r.completedAt = append(r.completedAt, c.CompletedAtMs)
		r.partition = append(r.partition, e.Partition)
		r.sequence = append(r.sequence, e.Sequence)
	}
}
