package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/internal/token"
	"parley/schemas"
)

const deferredPath = "/v1/deferred/"

// answerTaken answers whoever answered a deferred call.
type answerTaken struct {
	RequestID string `json:"requestId"`
}

// postAnswer takes the late answer to a deferred call. The token is all that is needed to give it.
func (s *Server) postAnswer(c echo.Context) error {
	text := pathValue(c, deferredPath, "")
	t, err := s.verifyToken(text)
	if err != nil {
		return err
	}
	said, err := s.readAnswer(c.Request(), text)
	if err != nil {
		return s.unlessAnswered(c.Request().Context(), t, err)
	}
	if err := s.deliver(c.Request().Context(), t, said); err != nil {
		return err
	}
	return answer(c, http.StatusAccepted, mimeJSON, answerTaken{RequestID: t.RequestID.String()})
}

// AnswerCall takes the late answer to a deferred call that came otherwise than by HTTP, and returns which call it is, if the token says.
// The token is all that is needed to give it. An error is that of POST /v1/deferred/{token}: a *schemas.Problem, or a fault of ours.
func (s *Server) AnswerCall(ctx context.Context, tokenText string, said *schemas.Answer) (schemas.RequestID, error) {
	t, err := s.verifyToken(tokenText)
	if err != nil {
		return t.RequestID, err
	}
	complete := *said
	complete.Token = tokenText
	return t.RequestID, s.deliver(ctx, t, &complete)
}

// verifyToken reads a token that is good. The error is a *schemas.Problem, with the token that has expired.
func (s *Server) verifyToken(text string) (token.Token, error) {
	t, err := s.tokens.Verify(text, s.now())
	switch {
	case errors.Is(err, token.ErrExpired):
		return t, &schemas.Problem{Code: schemas.CodeExpired, Detail: fmt.Sprintf("the token was good until %s; nothing takes this answer any more", t.Expires)}
	case err != nil:
		return t, &schemas.Problem{Code: schemas.Forbidden, Detail: "this is not a token that was given out here; it stands in the header Parley-Deferred-Token of the request that was answered with 202"}
	}
	return t, nil
}

// readAnswer reads the answer in a body, which a record must be able to hold.
func (s *Server) readAnswer(r *http.Request, tokenText string) (*schemas.Answer, error) {
	l := s.budget.lease()
	defer l.release()
	body, err := readBody(r, int64(s.recorder.limits.CallBytesMax), l)
	if err != nil {
		return nil, err
	}
	said, p := schemas.DecodeAnswer(body)
	if p != nil {
		return nil, p
	}
	if said.Token != "" && said.Token != tokenText {
		return nil, &schemas.Problem{Code: schemas.InvalidBody, Pointer: "/token", Detail: "is not the token of the path; leave it out"}
	}
	said.Token = tokenText
	return said, nil
}

// unlessAnswered returns what is wrong with a body, unless the call has an answer: then nothing else counts.
func (s *Server) unlessAnswered(ctx context.Context, t token.Token, wrong error) error {
	verdict, err := s.verdict(ctx, schemas.AnswerQuery{ID: t.RequestID, Accepted: schemas.Position{Partition: t.Partition, Offset: -1}})
	if err == nil && verdict == schemas.AnswerConflict {
		return errAnswered
	}
	return wrong
}

var errAnswered = &schemas.Problem{Code: schemas.AlreadyAnswered, Detail: "the call has ended with another answer, or without one"}

// deliver writes an answer to the log and waits until the owner of the call has taken it.
func (s *Server) deliver(ctx context.Context, t token.Token, said *schemas.Answer) error {
	value, err := schemas.EncodeAnswer(said)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	at, p := s.tell(ctx, s.recorder.commandAt(t.Partition, schemas.RecordAnswer, t.RequestID.String(), value))
	if p != nil {
		return p
	}
	q := schemas.AnswerQuery{ID: t.RequestID, Accepted: *at}
	if said.Processed == nil {
		q.Digest = schemas.AnswerDigest(said)
	}
	verdict, err := s.verdict(ctx, q)
	if err != nil {
		s.poller.note(ctx, "live state", "answer", err)
		return unheard(nobodyTells("call"))
	}
	if verdict == schemas.AnswerConflict {
		return errAnswered
	}
	return nil
}

func (s *Server) verdict(ctx context.Context, q schemas.AnswerQuery) (schemas.AnswerVerdict, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	return s.poller.live.Answer(ctx, q)
}
