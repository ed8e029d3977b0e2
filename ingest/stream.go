package ingest

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/internal/pause"
	"parley/schemas"
)

const mimeEvents = "text/event-stream"

// wantsStream reports whether a client takes a stream of events rather than a document.
func wantsStream(h http.Header) bool {
	var stream, document float64
	for item := range strings.SplitSeq(strings.Join(h.Values(echo.HeaderAccept), ","), ",") {
		media, params, err := mime.ParseMediaType(item)
		if err != nil {
			continue
		}
		weight := 1.0
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
			weight = q
		}
		switch media {
		case mimeEvents:
			stream = max(stream, weight)
		case mimeJSON:
			document = max(document, weight)
		}
	}
	return stream > document
}

// streams are the streams of events that a server has open.
type streams struct {
	seats
	// timeMax bounds how long each is open: its client comes again.
	timeMax time.Duration
	// heartbeat is the longest time for which a stream says nothing, writeTimeout the longest for which a client may not
	// read.
	heartbeat, writeTimeout time.Duration
}

const (
	heartbeatEvery     = 15 * time.Second
	streamWriteTimeout = 10 * time.Second
	// streamRetry is after how long a client comes again when its stream has ended, and the time between two questions
	// while nobody can tell.
	streamRetry = time.Second
)

// stream tells a client each status that it does not have, until the final one. What is not known is answered as to
// other questions; while nobody can tell, the stream is open, and says nothing.
func (s *Server) stream(c echo.Context, ask asker) error {
	has := c.Request().Header.Get("Last-Event-ID")
	first, err := ask.other(c.Request().Context(), 0, tags{})
	switch {
	case err != nil && !maySoonBeTold(err):
		return err
	case err == nil && first.status.Final() && first.tag == has:
		return c.NoContent(http.StatusNoContent) // an EventSource does not come again after this
	}
	if !s.streams.take() {
		return &schemas.Problem{Code: schemas.OwnerUnavailable, Detail: fmt.Sprintf("%d streams are open here, and no more may be; poll with wait, or come again later", s.streams.max)}
	}
	defer s.streams.leave()
	ctx, cancel := context.WithTimeout(c.Request().Context(), s.streams.timeMax)
	defer cancel()
	out := &eventWriter{to: c.Response(), control: http.NewResponseController(c.Response()), timeout: s.streams.writeTimeout}
	if err := out.begin(); err != nil {
		return err
	}
	f := follower{server: s, request: c, ask: ask, out: out, has: has}
	return f.run(ctx, first, err)
}

// maySoonBeTold reports whether an error is that nobody can tell now.
func maySoonBeTold(err error) bool {
	p, ok := errors.AsType[*schemas.Problem](err)
	return ok && p.Code == schemas.OwnerUnavailable
}

// follower writes an event for each status to a stream.
type follower struct {
	server  *Server
	request echo.Context
	ask     asker
	out     *eventWriter
	// has is the tag of the status that the client has.
	has string
}

// run goes on from what was said first, until the final status is told, the client may ask no longer, or ctx ends. Its
// error is that of a client that is gone.
func (f *follower) run(ctx context.Context, said told, err error) error {
	for {
		over, gone := f.tell(ctx, said, err)
		if over || gone != nil || ctx.Err() != nil {
			return gone
		}
		var wait time.Duration // none after a time when nobody could tell
		if err == nil {
			wait = max(0, f.server.streams.heartbeat-f.out.quiet())
		}
		said, err = f.ask.other(ctx, wait, tagsIn(f.has))
		if _, p := f.server.caller(f.request, account.Read); p != nil {
			err = p // its key has ended meanwhile
		}
	}
}

// tell writes what was said, if it is news, and a sign of life if nothing was for long. true: nothing follows.
func (f *follower) tell(ctx context.Context, said told, err error) (bool, error) {
	switch {
	case err != nil && !maySoonBeTold(err):
		return true, f.out.event("problem", "", f.server.explain(err, f.request))
	case err != nil:
		_ = pause.For(ctx, streamRetry)
	case said.tag != f.has:
		f.has = said.tag
		if err := f.out.event("status", said.tag, said.status); err != nil {
			return true, err
		}
	}
	if err == nil && said.status.Final() {
		return true, nil
	}
	if f.out.quiet() >= f.server.streams.heartbeat {
		return false, f.out.beat()
	}
	return false, nil
}
