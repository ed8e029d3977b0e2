package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

const (
	// subscribersPath is where the subscribers of an account are; below it is each by its number.
	subscribersPath = "/v1/subscribers"
	dequeueSuffix   = "/dequeue"
)

// Subscribers keeps queues of what ends. Errors wrap schemas.ErrUnknown where the account has no such subscriber, and
// schemas.ErrUnavailable where nobody can tell what came of it; to ask again is safe.
type Subscribers interface {
	// Create makes a subscriber; it gets what ends after that. Its error may be a *schemas.Problem.
	Create(ctx context.Context, account, by string, want schemas.Subscriber) (schemas.SubscriberResource, error)
	// Subscribers are those of an account, Subscriber is one of them, with how its queue stands.
	Subscribers(ctx context.Context, account string) ([]schemas.SubscriberResource, error)
	Subscriber(ctx context.Context, account string, id schemas.SubscriberID) (schemas.SubscriberResource, error)
	// Delete takes a subscriber back, and its queue with it.
	Delete(ctx context.Context, account, by string, id schemas.SubscriberID) error
	// Dequeue acknowledges, and returns the block that follows.
	Dequeue(ctx context.Context, q schemas.DequeueQuery) (schemas.Block, error)
}

// SubscriberList is the answer of GET /v1/subscribers.
type SubscriberList struct {
	Subscribers []schemas.SubscriberResource `json:"subscribers"`
}

// postSubscriber makes a subscriber.
func (s *Server) postSubscriber(c echo.Context) error {
	who, p := s.caller(c, account.Submit)
	if p != nil {
		return p
	}
	body, err := s.smallBody(c.Request())
	if err != nil {
		return err
	}
	want, p := schemas.DecodeSubscriber(body)
	if p != nil {
		return p
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), s.producer.timeout)
	defer cancel()
	made, err := s.subscribers.Create(ctx, who.Account, who.String(), *want)
	if err != nil {
		return s.subscriberProblem(c, "create", err)
	}
	c.Response().Header().Set(echo.HeaderLocation, subscribersPath+"/"+made.SubscriberID.String())
	return answer(c, http.StatusCreated, mimeJSON, made)
}

// getSubscribers lists those of the account.
func (s *Server) getSubscribers(c echo.Context) error {
	who, p := s.caller(c, account.Read)
	if p != nil {
		return p
	}
	all, err := s.subscribers.Subscribers(c.Request().Context(), who.Account)
	if err != nil {
		return s.subscriberProblem(c, "list", err)
	}
	return answer(c, http.StatusOK, mimeJSON, SubscriberList{all})
}

// getSubscriber shows one, and how its queue stands.
func (s *Server) getSubscriber(c echo.Context) error {
	who, id, p := s.namedSubscriber(c, account.Read)
	if p != nil {
		return p
	}
	found, err := s.subscribers.Subscriber(c.Request().Context(), who.Account, id)
	if err != nil {
		return s.subscriberProblem(c, "look at", err)
	}
	return answer(c, http.StatusOK, mimeJSON, found)
}

// deleteSubscriber takes one back.
func (s *Server) deleteSubscriber(c echo.Context) error {
	who, id, p := s.namedSubscriber(c, account.Submit)
	if p != nil {
		return p
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), s.producer.timeout)
	defer cancel()
	if err := s.subscribers.Delete(ctx, who.Account, who.String(), id); err != nil {
		return s.subscriberProblem(c, "delete", err)
	}
	return c.NoContent(http.StatusNoContent)
}

// postDequeue hands out a block.
func (s *Server) postDequeue(c echo.Context) error {
	who, id, p := s.namedSubscriber(c, account.Read)
	if p != nil {
		return p
	}
	body, err := s.smallBody(c.Request())
	if err != nil {
		return err
	}
	asked, p := schemas.DecodeDequeue(body)
	if p != nil {
		return p
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), s.producer.timeout)
	defer cancel()
	block, err := s.subscribers.Dequeue(ctx, schemas.DequeueQuery{
		Account:     who.Account,
		Subscriber:  id,
		Acknowledge: asked.TransactionID,
		CountMax:    asked.BlockCount,
		BytesMax:    schemas.BlockBytesMax,
		Append:      schemas.QueuedTransaction.AppendJSON,
	})
	if err != nil {
		return s.subscriberProblem(c, "dequeue", err)
	}
	return write(c, http.StatusOK, mimeJSON, block.AppendJSON(nil, asked.TransactionID))
}

// namedSubscriber is who asks, and the subscriber that the path names. What is no number names nobody: 404, not 400.
func (s *Server) namedSubscriber(c echo.Context, needed account.Scope) (account.Caller, schemas.SubscriberID, *schemas.Problem) {
	who, p := s.caller(c, needed)
	if p != nil {
		return who, 0, p
	}
	id, err := schemas.ParseSubscriberID(c.Param("subscriber"))
	if err != nil {
		return who, 0, &schemas.Problem{Code: schemas.NotFound, Detail: err.Error()}
	}
	return who, id, nil
}

// subscriberProblem says what came of a question about subscribers, and logs what its asker need not know.
func (s *Server) subscriberProblem(c echo.Context, what string, err error) error {
	switch {
	case errors.Is(err, schemas.ErrUnknown):
		return &schemas.Problem{Code: schemas.NotFound, Detail: fmt.Sprintf("the account has no such subscriber; GET %s lists those that it has", subscribersPath)}
	case errors.Is(err, schemas.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		s.log.LogAttrs(c.Request().Context(), slog.LevelWarn, "subscriber not served; whoever asked was told to ask again", slog.String("what", what), slog.Any("error", err))
		return &schemas.Problem{Code: schemas.QueueUnavailable, Detail: "Kafka does not answer; send the request again: nothing is lost, and what was handed out before and not acknowledged comes again"}
	}
	return err
}
