package ingest

import (
	"context"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

// deleteConversation cancels a conversation of which nothing has been carried out.
func (s *Server) deleteConversation(c echo.Context) error {
	q, p := s.namedConversation(c, account.Submit, "")
	if p != nil {
		return p
	}
	status, err := s.cancel(c.Request().Context(), q)
	if err != nil {
		return err
	}
	return answer(c, http.StatusAccepted, mimeJSON, status)
}

// cancel returns the conversation once it is Cancelled. One that has been is as good.
func (s *Server) cancel(ctx context.Context, q schemas.ConversationQuery) (schemas.ConversationResource, error) {
	status, err := s.told(ctx, q)
	if err != nil {
		return status, err
	}
	if !status.Status.Final() {
		about, p := subjectOf(q, status)
		if p != nil {
			return status, p
		}
		value, err := schemas.EncodeCancel(&schemas.Cancel{Account: about.account, ConversationID: about.conversationID, RequestID: about.requestID()})
		if err != nil {
			return status, fmt.Errorf("encode cancel: %w", err)
		}
		if q.Accepted, p = s.tell(ctx, s.recorder.command(schemas.RecordCancel, about, value)); p != nil {
			return status, p
		}
		if status, err = s.told(ctx, q); err != nil {
			return status, unheard(err)
		}
	}
	switch {
	case status.Status == schemas.ConversationCancelled:
		return status, nil
	case status.Status.Final():
		return status, &schemas.Problem{Code: schemas.AlreadyStarted, Detail: fmt.Sprintf("the conversation has ended %s; there is nothing left to cancel", status.Status)}
	}
	return status, &schemas.Problem{Code: schemas.AlreadyStarted, Detail: "the conversation has begun, and is carried out to its end"}
}
