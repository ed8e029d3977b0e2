package testkit

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Event is an event of a stream.
type Event struct{ Name, ID, Data string }

// EventSource reads streams of events as a browser's does (HTML, section 9.2): when one ends, or its connection breaks, it
// comes again with the id of the last event, until it is answered otherwise than with a stream.
type EventSource struct {
	// Events has them in their order. It is closed when the source comes no more.
	Events <-chan Event
	// Streams counts the streams that were opened, Comments the comments in them.
	Streams, Comments atomic.Int64
	// Refused is the status code at which it stopped. It is set when Events is closed.
	Refused int

	url    string
	events chan Event
	id     string
	retry  time.Duration
}

// NewEventSource reads from a URL until the test ends. Whatever is at the URL may change.
func NewEventSource(t testing.TB, url string) *EventSource {
	t.Helper()
	s := &EventSource{url: url, events: make(chan Event, 1_000), retry: 50 * time.Millisecond}
	s.Events = s.events
	ctx, cancel := context.WithCancel(context.Background())
	transport := new(http.Transport) // its own, so that nothing of it outlives the test
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
		transport.CloseIdleConnections()
	})
	go func() {
		defer close(done)
		defer close(s.events)
		s.run(ctx, &http.Client{Transport: transport})
	}()
	return s
}

func (s *EventSource) run(ctx context.Context, client *http.Client) {
	for ctx.Err() == nil {
		if s.Refused = s.read(ctx, client); s.Refused != 0 {
			return
		}
		select {
		case <-time.After(s.retry):
		case <-ctx.Done():
		}
	}
}

// read reads one stream. It returns the status code of an answer that is none.
func (s *EventSource) read(ctx context.Context, client *http.Client) int {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return -1
	}
	r.Header.Set("Accept", "text/event-stream")
	if s.id != "" {
		r.Header.Set("Last-Event-ID", s.id)
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		return resp.StatusCode
	}
	s.Streams.Add(1)
	s.parse(ctx, resp.Body)
	return 0
}

func (s *EventSource) parse(ctx context.Context, stream io.Reader) {
	var e Event
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "" && e.Data != "":
			e.ID = s.id
			select {
			case s.events <- e:
			case <-ctx.Done():
				return
			}
			e = Event{}
		case lines.Text() == "":
			e = Event{}
		case name == "":
			s.Comments.Add(1)
		case name == "event":
			e.Name = value
		case name == "data":
			e.Data += value
		case name == "id":
			s.id = value
		case name == "retry":
			if ms, err := strconv.Atoi(value); err == nil {
				s.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}
