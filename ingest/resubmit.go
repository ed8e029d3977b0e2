package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

const resubmitSuffix = "/resubmit"

// postResubmission runs the unfinished calls of a conversation that failed again, as another conversation.
func (s *Server) postResubmission(c echo.Context) error {
	q, p := s.namedConversation(c, account.Submit, resubmitSuffix)
	if p != nil {
		return p
	}
	body, err := s.smallBody(c.Request())
	if err != nil {
		return err
	}
	r, p := s.recorder.limits.DecodeResubmission(body, q.ID)
	if p != nil {
		return p
	}
	status, err := s.resubmit(c.Request().Context(), q, *r)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, conversationsPath+url.PathEscape(r.ConversationID))
	return answer(c, http.StatusCreated, mimeJSON, status)
}

// commandBytesMax bounds the body of a command that is not about calls.
const commandBytesMax = 64 << 10

// smallBody reads the body of a command.
func (s *Server) smallBody(r *http.Request) ([]byte, error) {
	l := s.budget.lease()
	defer l.release()
	return readBody(r, commandBytesMax, l)
}

// resubmit returns the new conversation. Asked again, it is the same one.
func (s *Server) resubmit(ctx context.Context, q schemas.ConversationQuery, r schemas.Resubmission) (schemas.ConversationResource, error) {
	old, err := s.told(ctx, q)
	if err != nil {
		return old, err
	}
	if old.ContinuedBy == nil {
		if p := resubmittable(old, r); p != nil {
			return old, p
		}
		if err := s.unused(ctx, q, r); err != nil {
			return old, err
		}
		if old, err = s.tellResubmission(ctx, q, old, r); err != nil {
			return old, err
		}
	}
	if *old.ContinuedBy != r.ConversationID {
		return old, &schemas.Problem{
			Code: schemas.AlreadyStarted, Pointer: "/conversationId",
			Detail: fmt.Sprintf("the conversation has been resubmitted as %q; what fails of that can be resubmitted in turn", *old.ContinuedBy),
		}
	}
	status, err := s.poller.conversation(ctx, schemas.ConversationQuery{Account: q.Account, ID: r.ConversationID})
	if p, ok := errors.AsType[*schemas.Problem](err); ok && p.Code == schemas.NotFound {
		err = nobodyTells("conversation") // its calls are in the log
	}
	return status, unheard(err)
}

// resubmittable says why a conversation that has not been resubmitted cannot be; nil: it can.
func resubmittable(old schemas.ConversationResource, r schemas.Resubmission) *schemas.Problem {
	switch {
	case !old.Status.Final():
		return &schemas.Problem{Code: schemas.AlreadyStarted, Detail: fmt.Sprintf("the conversation is %s; it can be resubmitted when it has failed", old.Status)}
	case old.Status != schemas.ConversationError:
		return &schemas.Problem{Code: schemas.AlreadyStarted, Detail: fmt.Sprintf("the conversation has ended %s; only one that ended Error can be resubmitted", old.Status)}
	case old.Kept == nil:
		return &schemas.Problem{Code: schemas.PayloadGone, Detail: "its calls are not kept any more, or there is none that may be repeated; send them again under a new conversationId"}
	case old.Kept.From > old.CallsInConversation && !r.IncludeFailed:
		return &schemas.Problem{Code: schemas.InvalidParameter, Pointer: "/includeFailed", Detail: "nothing is left but the call that failed; true repeats it"}
	}
	return nil
}

// unused returns a problem unless the id of the new conversation is free, or was taken by this resubmission before. The
// owner alone is asked: it keeps a marker of every id that must not be used again.
func (s *Server) unused(ctx context.Context, q schemas.ConversationQuery, r schemas.Resubmission) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	taken, err := s.poller.live.Conversation(ctx, schemas.ConversationQuery{Account: q.Account, ID: r.ConversationID})
	_, recorded := errors.AsType[*schemas.RecordedError](err)
	switch {
	case errors.Is(err, schemas.ErrUnknown), err == nil && taken.Continues != nil && *taken.Continues == q.ID:
		return nil
	case err != nil && !recorded:
		s.poller.note(ctx, "live state", "conversation", err)
		return nobodyTells("conversation")
	}
	return &schemas.Problem{Code: schemas.ConversationIDUsed, Pointer: "/conversationId", Detail: "there is a conversation with this id, and ids are used once; choose another"}
}

// tellResubmission asks the owner to resubmit, and returns the old conversation once it is continued.
func (s *Server) tellResubmission(ctx context.Context, q schemas.ConversationQuery, old schemas.ConversationResource, r schemas.Resubmission) (schemas.ConversationResource, error) {
	about, p := subjectOf(q, old)
	if p != nil {
		return old, p
	}
	value, err := schemas.EncodeResubmit(&schemas.Resubmit{
		Account: about.account, ConversationID: about.conversationID, RequestID: about.requestID(), As: r.ConversationID, IncludeFailed: r.IncludeFailed,
	})
	if err != nil {
		return old, fmt.Errorf("encode resubmit: %w", err)
	}
	if q.Accepted, p = s.tell(ctx, s.recorder.command(schemas.RecordResubmit, about, value)); p != nil {
		return old, p
	}
	if old, err = s.told(ctx, q); err != nil {
		return old, unheard(err)
	}
	if old.ContinuedBy == nil {
		if p := resubmittable(old, r); p != nil {
			return old, p
		}
		return old, fmt.Errorf("resubmit record of conversation %q has been applied and changed nothing", q.ID)
	}
	return old, nil
}
