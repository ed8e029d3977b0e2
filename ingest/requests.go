package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

const requestsPath = "/v1/requests/"

// getRequest answers the status of a call.
func (s *Server) getRequest(c echo.Context) error {
	who, p := s.caller(c, account.Read)
	if p != nil {
		return p
	}
	id, p := requestID(c)
	if p != nil {
		return p
	}
	q := schemas.RequestQuery{Account: who.Account, ID: id}
	wait, p := s.wait(c)
	if p != nil {
		return p
	}
	rc, p := s.receiptOf(c, who.Account, id)
	if p != nil {
		return p
	}
	if rc != nil {
		q.Accepted, q.Content = &rc.Position, rc.content
	}
	return s.answerStatus(c, wait, func(ctx context.Context, wait time.Duration, seen string) (schemas.Resource, error) {
		q.Wait, q.Seen = wait, seen
		return s.poller.request(ctx, q)
	})
}

// requestID reads the id from the path. What is not a request id was never given out: 404, not 400.
func requestID(c echo.Context) (schemas.RequestID, *schemas.Problem) {
	text := pathValue(c, requestsPath, "")
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len(id.String()) {
		return id, &schemas.Problem{Code: schemas.NotFound, Detail: fmt.Sprintf("%.100q is not a request id; it is a UUID, as 018f4c1e-7c1a-7b5e-9d55-0242ac120002", text)}
	}
	return id, nil
}

// receiptOf reads the receipt of a request of an account; nil: there is none.
func (s *Server) receiptOf(c echo.Context, of string, id schemas.RequestID) (*receipt, *schemas.Problem) {
	text := c.QueryParam("receipt")
	if text == "" {
		return nil, nil
	}
	rc, err := s.receipts.read(of, id, text)
	if err != nil {
		return nil, &schemas.Problem{Code: schemas.InvalidParameter, Detail: "the receipt is not the one that was given with this request id; poll at the Location of the acknowledgment"}
	}
	return &rc, nil
}
