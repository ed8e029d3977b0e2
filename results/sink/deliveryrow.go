package sink

import (
	"github.com/google/uuid"

	parleyv1 "parley/schemas/parley/v1"
)

// deliveryRow is a row of deliveries_log.
type deliveryRow struct {
	event    event
	delivery *parleyv1.DeliveryEvent
}

// name is what was told of: a conversation, by its ConversationID or, as in conversations_log, by the request id of the
// call that it consists of.
func (r *deliveryRow) name() string {
	if r.delivery.ConversationId == "" {
		return r.event.request.String()
	}
	return r.delivery.ConversationId
}

// request is the request id of the call that was told of, nil when it was a conversation of several.
func (r *deliveryRow) request() *uuid.UUID {
	if r.delivery.RequestId == "" {
		return nil
	}
	id := r.event.request
	return &id
}

func deliveryColumns() []column[deliveryRow] {
	return []column[deliveryRow]{
		wordOf("account", func(r *deliveryRow) string { return r.event.Account }),
		of("conversation_id", (*deliveryRow).name),
		of("request_id", (*deliveryRow).request),
		wordOf("type", func(r *deliveryRow) string { return r.delivery.Type }),
		wordOf("response_type", func(r *deliveryRow) string { return r.delivery.ResponseType }),
		of("response_address", func(r *deliveryRow) string { return r.delivery.ResponseAddress }),
		wordOf("status", func(r *deliveryRow) string { return r.delivery.Status }),
		wordOf("error_code", func(r *deliveryRow) string { return r.delivery.ErrorCode }),
		of("message", func(r *deliveryRow) string { return r.delivery.Message }),
		of("attempts", func(r *deliveryRow) int32 { return r.delivery.Attempts }),
		of("begun_at", func(r *deliveryRow) int64 { return r.delivery.BegunAtMs }),
		of("completed_at", func(r *deliveryRow) int64 { return r.delivery.CompletedAtMs }),
		of("about", func(r *deliveryRow) int64 { return r.delivery.About }),
		of("partition", func(r *deliveryRow) int32 { return r.event.Partition }),
		of("sequence", func(r *deliveryRow) int64 { return r.event.Sequence }),
	}
}
