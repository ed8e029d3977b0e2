package ingest

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"parley/internal/pause"
	"parley/schemas"
)

// asker asks for a status: for any but the one with the ETag seen, if that is not empty, and until the wait is over for
// a final one. Its error is a *schemas.Problem or a fault of ours.
type asker func(ctx context.Context, wait time.Duration, seen string) (schemas.Resource, error)

// answerStatus answers with a status: as it is, or when it is another than the client has, or as a stream of all that follow.
func (s *Server) answerStatus(c echo.Context, wait time.Duration, ask asker) error {
	if wantsStream(c.Request().Header) {
		return s.stream(c, ask)
	}
	known := knownTags(c.Request().Header)
	said, err := ask.other(c.Request().Context(), wait, known)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("ETag", said.tag)
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	h.Set(echo.HeaderVary, echo.HeaderAccept)
	setRetryAfter(h, askAgainAfter(said.status))
	if known.has(said.tag) {
		return c.NoContent(http.StatusNotModified)
	}
	return answerWith(c, said.status)
}

func answerWith(c echo.Context, status schemas.Resource) error {
	body, err := status.AppendJSON(nil)
	if err != nil {
		return err
	}
	return write(c, http.StatusOK, mimeJSON, body)
}

// told is a status and its ETag.
type told struct {
	status schemas.Resource
	tag    string
}

// lookAgain is the time between two looks at a status that nobody waits with: only the record knows it.
const lookAgain = 250 * time.Millisecond

// other waits for a status that the client does not have, for a final one if it has none; at the end of the wait, and of
// ctx, it is as it is.
func (ask asker) other(ctx context.Context, wait time.Duration, known tags) (told, error) {
	seen, end := known.first(), time.Now().Add(wait)
	for {
		status, err := ask(ctx, wait, seen)
		if err != nil {
			return told{}, err
		}
		tag := status.ETag()
		wait = time.Until(end)
		if wait <= 0 || known.any || !known.has(tag) || status.Final() {
			return told{status, tag}, nil
		}
		if tag == seen {
			_ = pause.For(ctx, min(wait, lookAgain))
		}
		if ctx.Err() != nil {
			return told{status, tag}, nil
		}
		seen = tag // it has that, too
	}
}

const (
	// againSoon is after how long it is worth asking again for what is under way, againLater for what waits for others.
	againSoon  = time.Second
	againLater = 5 * time.Second
	// againMax bounds what an estimate makes of it: it may become better.
	againMax = 30 * time.Second
)

// askAgainAfter is after how long a client that polls should ask again; zero: the status is final.
func askAgainAfter(status schemas.Resource) time.Duration {
	switch r := status.(type) {
	case schemas.CallResource:
		return callAgainAfter(r)
	case schemas.ConversationResource:
		if r.Final() {
			return 0
		}
		for _, c := range r.Calls {
			if !c.Final() {
				return callAgainAfter(c) // it is in turn, or staged
			}
		}
		return againLater
	}
	return 0
}

func callAgainAfter(r schemas.CallResource) time.Duration {
	switch {
	case r.Final():
		return 0
	case r.EstimatedSeconds != nil:
		return time.Duration(min(max(againSoon.Seconds(), *r.EstimatedSeconds), againMax.Seconds()) * float64(time.Second))
	case r.Status == schemas.Queued || r.Status == schemas.Executing:
		return againSoon
	}
	return againLater
}
