package ingest

import (
	"context"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

const conversationsPath = "/v1/conversations/"

// getConversation answers the status of a conversation, with a page of its calls.
func (s *Server) getConversation(c echo.Context) error {
	q, p := s.namedConversation(c, account.Read, "")
	if p != nil {
		return p
	}
	wait, p := s.wait(c)
	if p != nil {
		return p
	}
	if q.After, p = after(c); p != nil {
		return p
	}
	return s.answerStatus(c, wait, func(ctx context.Context, wait time.Duration, seen string) (schemas.Resource, error) {
		q.Wait, q.Seen = wait, seen
		return s.poller.conversation(ctx, q)
	})
}

// namedConversation is the question for the conversation whose id stands in the path before a suffix.
func (s *Server) namedConversation(c echo.Context, needed account.Scope, suffix string) (schemas.ConversationQuery, *schemas.Problem) {
	who, p := s.caller(c, needed)
	if p != nil {
		return schemas.ConversationQuery{}, p
	}
	id := pathValue(c, conversationsPath, suffix)
	if id == "" || len(id) > s.recorder.limits.ConversationIDBytesMax || !utf8.ValidString(id) {
		return schemas.ConversationQuery{}, &schemas.Problem{Code: schemas.NotFound, Detail: "no conversation can have this id"}
	}
	return schemas.ConversationQuery{Account: who.Account, ID: id}, nil
}

// after reads the sequence code behind which a page of calls begins.
func after(c echo.Context) (int32, *schemas.Problem) {
	text := c.QueryParam("after")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, &schemas.Problem{Code: schemas.InvalidParameter, Detail: "after is a sequence code: the one that the page before gave as next"}
	}
	return int32(n), nil
}
