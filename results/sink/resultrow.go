package sink

import (
	"github.com/google/uuid"

	parleyv1 "parley/schemas/parley/v1"
)

// resultRow is a row of results_log: one object of a call.
type resultRow struct {
	event   event
	call    *parleyv1.CallEvent
	ordinal int32
	object  *parleyv1.ObjectResult
}

func resultColumns() []column[resultRow] {
	return []column[resultRow]{
		wordOf("account", func(r *resultRow) string { return r.event.Account }),
		of("conversation_id", func(r *resultRow) string { return r.call.ConversationId }),
		of("request_id", func(r *resultRow) uuid.UUID { return r.event.request }),
		of("sequence_code", func(r *resultRow) int32 { return r.call.SequenceCode }),
		of("ordinal", func(r *resultRow) int32 { return r.ordinal }),
		of("correlation_id", func(r *resultRow) string { return r.object.CorrelationId }),
		wordOf("method", func(r *resultRow) string { return r.call.Method }),
		wordOf("object_type", func(r *resultRow) string { return r.object.ObjectType }),
		of("customer_key", func(r *resultRow) string { return r.object.CustomerKey }),
		wordOf("status", func(r *resultRow) string { return r.object.Status }),
		wordOf("error_code", func(r *resultRow) string { return r.object.ErrorCode }),
		of("message", func(r *resultRow) string { return r.object.Message }),
		of("accepted_at", func(r *resultRow) int64 { return r.call.AcceptedAtMs }),
		of("started_at", func(r *resultRow) *int64 { return orNull(&r.call.StartedAtMs) }),
		of("completed_at", func(r *resultRow) int64 { return r.call.CompletedAtMs }),
		of("partition", func(r *resultRow) int32 { return r.event.Partition }),
		of("sequence", func(r *resultRow) int64 { return r.event.Sequence }),
		wordOf("route", func(r *resultRow) string { return r.call.Route }),
		of("subject", func(r *resultRow) uint64 { return r.object.Subject }),
	}
}
