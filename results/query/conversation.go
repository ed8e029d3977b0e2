package query

import (
	"context"

	"github.com/google/uuid"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// conversationByName takes the account and the ConversationID, or the request id of a call without one.
const conversationByName = `SELECT account, conversation_id, request_id, status, error_code, message, calls_in_conversation, received, errors
	FROM conversations WHERE account = ? AND conversation_id = ? ORDER BY sequence DESC LIMIT 1`

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
	if r.Calls, r.Next, err = q.page(ctx, found[0], ask.After); err != nil {
		return schemas.ConversationResource{}, err
	}
	return r, nil
}

// page returns the calls after a sequence code, and the code after which the next page begins; 0: there is none.
func (q *Query) page(ctx context.Context, c conversationRow, after int32) (calls []schemas.CallResource, next int32, err error) {
	switch {
	case c.RequestID == nil:
		calls, err = q.calls(ctx, callsOfConversation, c.Account, c.ConversationID, after, schemas.CallsPage+1)
	case after > 0:
		calls = []schemas.CallResource{}
	default:
		calls, err = q.calls(ctx, callAlone, c.Account, c.RequestID.String())
	}
	if len(calls) > schemas.CallsPage {
		calls = calls[:schemas.CallsPage]
		next = calls[schemas.CallsPage-1].SequenceCode
	}
	return calls, next, err
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
	}
	if c.RequestID != nil {
		conversation.ConversationId, conversation.RequestId = "", c.RequestID.String()
	}
	return &parleyv1.ResultEvent{Account: c.Account, Event: &parleyv1.ResultEvent_Conversation{Conversation: conversation}}
}
