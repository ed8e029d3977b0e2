package query

import (
	"context"
	"strings"
	"time"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// deliveriesOf takes the account and the ConversationID, or the request id of a call without one.
const deliveriesOf = `SELECT partition, about, type, response_type, response_address, status, error_code, message, attempts, completed_at
FROM deliveries WHERE account = ? AND conversation_id = ? ORDER BY partition, sequence LIMIT 1000`

// deliveryRow is a row of the view deliveries.
type deliveryRow struct {
	Partition       int32     `ch:"partition"`
	About           int64     `ch:"about"`
	Type            string    `ch:"type"`
	ResponseType    string    `ch:"response_type"`
	ResponseAddress string    `ch:"response_address"`
	Status          string    `ch:"status"`
	ErrorCode       string    `ch:"error_code"`
	Message         string    `ch:"message"`
	Attempts        int32     `ch:"attempts"`
	CompletedAt     time.Time `ch:"completed_at"`
}

// deliveries are those that have ended of a conversation and its calls.
func (q *Query) deliveries(ctx context.Context, account, conversation string) ([]deliveryRow, error) {
	return rows[deliveryRow](ctx, q.conn, deliveriesOf, account, conversation)
}

// ofConversation reports whether the end of the conversation was told, not that of a call.
func (d *deliveryRow) ofConversation() bool { return strings.HasPrefix(d.Type, "conversation.") }

func (d *deliveryRow) resource() schemas.DeliveryResource {
	return schemas.DeliveryResourceOf(&parleyv1.DeliveryEvent{
		ResponseType:    d.ResponseType,
		ResponseAddress: d.ResponseAddress,
		Status:          d.Status,
		ErrorCode:       d.ErrorCode,
		Message:         d.Message,
		Attempts:        d.Attempts,
		CompletedAtMs:   d.CompletedAt.UnixMilli(),
	})
}
