package ingest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"parley/internal/account"
	"parley/internal/testkit"
	"parley/schemas"
)

// next is the next event of a stream, held against the contract: its name and the status in it.
func next(t *testing.T, s *testkit.EventSource) (string, testkit.Event) {
	t.Helper()
	select {
	case e, ok := <-s.Events:
		if !ok {
			return fmt.Sprint("end ", s.Refused), e
		}
		schema := "CallStatus"
		switch {
		case e.Name == "problem":
			schema = "Problem"
		case strings.Contains(e.Data, `"calls"`):
			schema = "ConversationStatus"
		}
		openContract(t).validate(t, "/components/schemas/"+schema, []byte(e.Data))
		var about struct {
			Status any `json:"status"`
			Code   any `json:"code"`
		}
		if err := json.Unmarshal([]byte(e.Data), &about); err != nil {
			t.Error(err)
		}
		if e.Name == "problem" {
			return fmt.Sprint("problem ", about.Code), e
		}
		return fmt.Sprint(e.Name, " ", about.Status), e
	case <-time.After(patience):
		t.Fatal("no event")
		return "", testkit.Event{}
	}
}

// hears fails the test unless these events come next.
func hears(t *testing.T, s *testkit.EventSource, want ...string) {
	t.Helper()
	for _, w := range want {
		if got, e := next(t, s); got != w {
			t.Fatalf("event %s (%+v), want %s", got, e, w)
		}
	}
}

func TestStreamTellsEachStatusOnce(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(func(f *fakeSource) { f.err = nil })
	s := testkit.NewEventSource(t, h.url+requestsPath+someID+"?receipt="+receiptFor(t, "default"))
	hears(t, s, "status Queued")
	for _, status := range []schemas.CallStatus{schemas.Staged, schemas.Waiting, schemas.Executing} {
		h.live.tell(func(f *fakeSource) { f.call.Status = status })
		hears(t, s, "status "+string(status))
	}
	h.live.tell(func(f *fakeSource) { f.call.Position = new(int64(4)) }) // no news
	h.live.tell(func(f *fakeSource) { f.call.Status, f.call.Position = schemas.OK, nil })
	hears(t, s, "status OK", "end 204")
	if n := s.Streams.Load(); n != 1 {
		t.Errorf("%d streams, want 1", n)
	}
}

func TestStreamOfAConversation(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(func(f *fakeSource) { f.err = nil })
	s := testkit.NewEventSource(t, h.url+conversationsPath+"c")
	hears(t, s, "status Processing")
	h.live.tell(func(f *fakeSource) { f.conversation.Status = schemas.ConversationError })
	hears(t, s, "status Error", "end 204")
}

// What ended long ago is told at once, and what there is not is refused as ever.
func TestStreamOfWhatIsNotOpen(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.record.tell(func(f *fakeSource) { f.err, f.call.Status = nil, schemas.HasErrors })
	hears(t, testkit.NewEventSource(t, h.url+requestsPath+someID), "status HasErrors", "end 204")
	h.record.tell(func(f *fakeSource) { f.err = schemas.ErrUnknown })
	hears(t, testkit.NewEventSource(t, h.url+requestsPath+someID), "end 404")
	hears(t, testkit.NewEventSource(t, h.url+requestsPath+"x"), "end 404")
	hears(t, testkit.NewEventSource(t, h.url+requestsPath+someID+"?receipt=x"), "end 400")
}

// While nobody can tell the stream stays, and goes on when somebody can.
func TestStreamOutlivesItsSources(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.server.streams.heartbeat = 20 * time.Millisecond
	h.live.tell(func(f *fakeSource) { f.err = schemas.ErrUnavailable })
	h.record.tell(func(f *fakeSource) { f.err = schemas.ErrUnavailable })
	s := testkit.NewEventSource(t, h.url+requestsPath+someID)
	eventually(t, "the stream lives", func() bool { return s.Comments.Load() > 1 })
	h.live.tell(func(f *fakeSource) { f.err = nil })
	hears(t, s, "status Queued")
	h.live.tell(func(f *fakeSource) { f.err = schemas.ErrUnavailable })
	n := s.Comments.Load()
	eventually(t, "the stream lives", func() bool { return s.Comments.Load() > n+1 })
	h.live.tell(func(f *fakeSource) { f.err, f.call.Status = nil, schemas.Waiting })
	hears(t, s, "status Waiting")
	h.live.tell(func(f *fakeSource) { f.err = schemas.ErrUnavailable })
	h.record.tell(func(f *fakeSource) { f.err, f.call.Status = nil, schemas.OK })
	hears(t, s, "status OK", "end 204")
	if n := s.Streams.Load(); n != 1 {
		t.Errorf("%d streams, want 1", n)
	}
}

// What turns out not to be there, when somebody can tell, is said in the stream.
func TestStreamThatTurnsOutToBeOfNothing(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, f := range []*fakeSource{h.live, h.record} {
		f.tell(func(f *fakeSource) { f.err = schemas.ErrUnavailable })
	}
	s := testkit.NewEventSource(t, h.url+requestsPath+someID)
	eventually(t, "the stream is open", func() bool { return s.Streams.Load() == 1 })
	for _, f := range []*fakeSource{h.live, h.record} {
		f.tell(func(f *fakeSource) { f.err = schemas.ErrUnknown })
	}
	hears(t, s, "problem NotFound", "end 404")
}

func TestStreamIsOpenForABoundedTime(t *testing.T) {
	t.Parallel()
	h := start(t, func(cfg *Config) { cfg.StreamTimeMax = 50 * time.Millisecond })
	h.live.tell(func(f *fakeSource) { f.err = nil })
	s := testkit.NewEventSource(t, h.url+requestsPath+someID)
	hears(t, s, "status Queued")
	eventually(t, "it comes again", func() bool { return s.Streams.Load() >= 2 })
	h.live.tell(func(f *fakeSource) { f.call.Status = schemas.OK })
	hears(t, s, "status OK", "end 204") // Queued is not told again
}

// endingAccess is open until it has ended.
type endingAccess struct {
	OpenAccess
	ended atomic.Bool
}

func (a *endingAccess) Caller(r *http.Request) (account.Caller, *schemas.Problem) {
	if a.ended.Load() {
		return account.Caller{}, unauthenticated("ended")
	}
	return a.OpenAccess.Caller(r)
}

// Whose key ends is told nothing more, also by a stream that was open before.
func TestStreamEndsWithItsKey(t *testing.T) {
	t.Parallel()
	access := new(endingAccess)
	h := start(t, func(cfg *Config) { cfg.Auth = access })
	h.live.tell(func(f *fakeSource) { f.err = nil })
	s := testkit.NewEventSource(t, h.url+requestsPath+someID)
	hears(t, s, "status Queued")
	access.ended.Store(true)
	h.live.tell(func(f *fakeSource) { f.call.Status = schemas.OK })
	hears(t, s, "problem Unauthenticated", "end 401")
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	h := start(t, func(cfg *Config) { cfg.StreamsMax = 2 })
	h.live.tell(func(f *fakeSource) { f.err = nil })
	var open []*testkit.EventSource
	for range 2 {
		s := testkit.NewEventSource(t, h.url+requestsPath+someID)
		hears(t, s, "status Queued")
		open = append(open, s)
	}
	r := h.get(t, requestsPath+someID, "Accept", mimeEvents)
	if d := r.problem(t); d.Code != schemas.OwnerUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("a third: %+v", d)
	}
	if r := h.get(t, requestsPath+someID); r.status != http.StatusOK {
		t.Errorf("a poll beside: %d %s", r.status, r.body)
	}
	h.live.tell(func(f *fakeSource) { f.call.Status = schemas.OK })
	for _, s := range open {
		hears(t, s, "status OK", "end 204")
	}
	eventually(t, "all have left", func() bool { return h.server.streams.taken.Load() == 0 })
}

func TestStreamEndsWithTheServer(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(func(f *fakeSource) { f.err = nil })
	s := testkit.NewEventSource(t, h.url+requestsPath+someID)
	hears(t, s, "status Queued")
	began := time.Now()
	if err := h.stop(); err != nil || time.Since(began) > patience/2 {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

// A client that opens a stream and does not read from it is cut off.
func TestStreamThatIsNotRead(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.server.streams.writeTimeout = 50 * time.Millisecond
	h.live.tell(func(f *fakeSource) { f.err = nil })
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: parley\r\nAccept: text/event-stream\r\n\r\n", requestsPath+someID)
	eventually(t, "the stream is open", func() bool { return h.server.streams.taken.Load() == 1 })
	long := strings.Repeat("x", 1<<20)
	eventually(t, "the stream is closed", func() bool {
		h.live.tell(func(f *fakeSource) {
			f.call.Attempts++
			f.call.Message = long
		})
		return h.server.streams.taken.Load() == 0
	})
}

// The header says that it is a stream, and that nobody may keep it.
func TestStreamHeader(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(func(f *fakeSource) { f.err, f.call.Status = nil, schemas.OK })
	r := h.get(t, requestsPath+someID, "Accept", mimeEvents)
	if r.status != http.StatusOK || r.header.Get("Content-Type") != mimeEvents || r.header.Get("Cache-Control") != "no-store" || r.header.Get("X-Accel-Buffering") != "no" {
		t.Errorf("%d, %v", r.status, r.header)
	}
	tag := ""
	for lines := bufio.NewScanner(strings.NewReader(string(r.body))); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			tag = id
		}
	}
	if want := h.get(t, requestsPath+someID).header.Get("ETag"); tag != want || tag == "" {
		t.Errorf("id %q, want the ETag %q: %s", tag, want, r.body)
	}
}

func TestWantsStream(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"":                  false,
		"*/*":               false,
		"application/json":  false,
		"text/event-stream": true,
		"text/event-stream, application/json;q=0.5":       true,
		"application/json, text/event-stream":             false,
		"text/event-stream;q=0":                           false,
		"text/html, text/event-stream;q=0.9, */*":         true,
		"application/json;q=0.1, text/event-stream;q=0.2": true,
	} {
		if got := wantsStream(http.Header{"Accept": {accept}}); got != want {
			t.Errorf("%q: %t", accept, got)
		}
	}
}
