package query

import (
	"context"
	"slices"
	"time"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

const selectDeliveries = `SELECT partition, about, response_type, response_address, status, error_code, message, attempts, completed_at
FROM deliveries WHERE account = ? AND conversation_id = ? `

// The statements that select deliveries, and their arguments behind the account and the ConversationID, or the request id of a
// call without one.
const (
	// partition, sequences of calls
	deliveriesOfCalls = selectDeliveries + `AND partition = ? AND about IN (?) ORDER BY sequence`
	// none: of the end of the conversation itself
	deliveriesOfEnd = selectDeliveries + `AND startsWith(type, 'conversation.') ORDER BY partition, sequence`
)

// deliveryRow is a row of the view deliveries.
type deliveryRow struct {
	Partition       int32     `ch:"partition"`
	About           int64     `ch:"about"`
	ResponseType    string    `ch:"response_type"`
	ResponseAddress string    `ch:"response_address"`
	Status          string    `ch:"status"`
	ErrorCode       string    `ch:"error_code"`
	Message         string    `ch:"message"`
	Attempts        int32     `ch:"attempts"`
	CompletedAt     time.Time `ch:"completed_at"`
}

// tellings puts into calls, which are those of rows of one conversation, whom their ends are told to: what has ended of it.
func (q *Query) tellings(ctx context.Context, found []callRow, calls []schemas.CallResource) error {
	var told []int64
	for i, c := range found {
		if c.Told > 0 {
			told = append(told, c.Sequence)
			calls[i].Told = schemas.Told{Partition: c.Partition, Sequence: c.Sequence, Receivers: int(c.Told)}
		}
	}
	if len(told) == 0 {
		return nil
	}
	deliveries, err := rows[deliveryRow](ctx, q.conn, deliveriesOfCalls, found[0].Account, found[0].conversation(), found[0].Partition, told)
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		i := slices.IndexFunc(found, func(c callRow) bool { return c.Sequence == d.About })
		calls[i].Deliveries = append(calls[i].Deliveries, d.resource())
	}
	return nil
}

// telling puts into a conversation, which is that of a row, whom its end is told to: what has ended of it. One that is continued
// has a second event, which nobody is told of.
func (q *Query) telling(ctx context.Context, found conversationRow, r *schemas.ConversationResource) error {
	if found.Told > 0 {
		r.Told = schemas.Told{Partition: found.Partition, Sequence: found.Sequence, Receivers: int(found.Told)}
	} else if found.ContinuedBy == "" {
		return nil
	}
	deliveries, err := rows[deliveryRow](ctx, q.conn, deliveriesOfEnd, found.Account, found.ConversationID)
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		r.Deliveries = append(r.Deliveries, d.resource())
	}
	return nil
}

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
