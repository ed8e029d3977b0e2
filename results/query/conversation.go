package query

import (
	"context"
	"time"

	"github.com/google/uuid"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

const selectConversations = `SELECT account, conversation_id, request_id, status, error_code, message, calls_in_conversation, received, errors,
	accepted_at, started_at, completed_at, continues, continued_by, partition, sequence, told
FROM conversations `

// conversationByName takes the account and the ConversationID, or the request id of a call without one.
const conversationByName = selectConversations + `WHERE account = ? AND conversation_id = ? ORDER BY sequence DESC LIMIT 1`

// conversationRow is a row of the view conversations.
type conversationRow struct {
	Account             string     `ch:"account"`
	ConversationID      string     `ch:"conversation_id"`
	RequestID           *uuid.UUID `ch:"request_id"`
	Status              string     `ch:"status"`
	ErrorCode           string     `ch:"error_code"`
	Message             string     `ch:"message"`
	CallsInConversation int32      `ch:"calls_in_conversation"`
	Received            int32      `ch:"received"`
	Errors              int32      `ch:"errors"`
	AcceptedAt          time.Time  `ch:"accepted_at"`
	StartedAt           *time.Time `ch:"started_at"`
	CompletedAt         time.Time  `ch:"completed_at"`
	Continues           string     `ch:"continues"`
	ContinuedBy         string     `ch:"continued_by"`
	Partition           int32      `ch:"partition"`
	Sequence            int64      `ch:"sequence"`
	Told                int32      `ch:"told"`
}

func (q *Query) conversation(ctx context.Context, ask schemas.ConversationQuery) (schemas.ConversationResource, error) {
	found, err := rows[conversationRow](ctx, q.conn, conversationByName, ask.Account, ask.ID)
	if err != nil {
		return schemas.ConversationResource{}, err
	}
	if len(found) == 0 {
		return schemas.ConversationResource{}, schemas.ErrUnknown
	}
	r := schemas.ConversationResourceOf(found[0].event())
	if r.Calls, err = q.page(ctx, ask); err != nil {
		return schemas.ConversationResource{}, err
	}
	if err := q.telling(ctx, found[0], &r); err != nil {
		return schemas.ConversationResource{}, err
	}
	if len(r.Calls) > schemas.CallsPage {
		r.Calls = r.Calls[:schemas.CallsPage]
		r.Next = r.Calls[schemas.CallsPage-1].SequenceCode
	}
	return r, nil
}

// event is the event that the row was made of, but for what a status does not tell.
func (c conversationRow) event() *parleyv1.ResultEvent {
	conversation := &parleyv1.ConversationEvent{
		ConversationId:      c.ConversationID,
		Status:              c.Status,
		ErrorCode:           c.ErrorCode,
		Message:             c.Message,
		CallsInConversation: c.CallsInConversation,
		Received:            c.Received,
		Errors:              c.Errors,
		AcceptedAtMs:        c.AcceptedAt.UnixMilli(),
		CompletedAtMs:       c.CompletedAt.UnixMilli(),
		Continues:           c.Continues,
		ContinuedBy:         c.ContinuedBy,
	}
	if c.StartedAt != nil {
		conversation.StartedAtMs = c.StartedAt.UnixMilli()
	}
	if c.RequestID != nil {
		conversation.ConversationId, conversation.RequestId = "", c.RequestID.String()
	}
	return &parleyv1.ResultEvent{Account: c.Account, Event: &parleyv1.ResultEvent_Conversation{Conversation: conversation}}
}
