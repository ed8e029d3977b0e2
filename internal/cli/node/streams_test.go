package node

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/testkit"
	"parley/results/recordtest"
	"parley/schemas"
)

// link is a way to a server that can be cut.
type link struct {
	listener net.Listener
	to       string
	done     sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, to: to, conns: make(map[net.Conn]struct{})}
	l.done.Go(l.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		l.part()
		l.done.Wait()
	})
	return l
}

// part cuts all connections, and those that are made from now on.
func (l *link) part() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.conns {
		_ = c.Close()
	}
}

// mend lets connections be made.
func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}

func (l *link) serve() {
	for {
		from, err := l.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", l.to)
		if err != nil {
			_ = from.Close()
			continue
		}
		l.join(from, to)
		l.join(to, from)
	}
}

// join carries what one side says to the other.
func (l *link) join(from, to net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns[from] = struct{}{}; l.cut {
		_ = from.Close()
	}
	l.done.Go(func() {
		_, _ = io.Copy(to, from) // however it ends, both have ended
		_, _ = from.Close(), to.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, from)
	})
}

// becomes reads a stream until a status.
func becomes(t *testing.T, s *testkit.EventSource, status string) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case e, ok := <-s.Events:
			switch {
			case !ok:
				t.Errorf("the stream ended with %d before it told %s", s.Refused, status)
				return
			case e.Name != "status":
				t.Errorf("event %+v", e)
			case strings.Contains(e.Data, fmt.Sprintf(`"status":%q`, status)):
				return
			}
		case <-late:
			t.Errorf("the stream does not tell %s", status)
			return
		}
	}
}

// stops waits for a source to come no more, since the final status is told.
func stops(t *testing.T, s *testkit.EventSource) {
	t.Helper()
	select {
	case e, ok := <-s.Events:
		if ok || s.Refused != http.StatusNoContent {
			t.Errorf("event %+v, or end %d, behind the final status", e, s.Refused)
		}
	case <-time.After(patience):
		t.Error("the source does not stop")
	}
	if n := s.Streams.Load(); n != 1 {
		t.Errorf("%d streams, want 1", n)
	}
}

// Streams at a node tell the end although their partition has moved to another one meanwhile.
func TestStreamsOutliveARebalance(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.start("a", both)
	a.owns(8)
	var followed []*testkit.EventSource
	id := func(i int) string { return fmt.Sprint("c", i) }
	for i := range 16 {
		a.send(id(i), "Later", 1, 1)
		f := testkit.NewEventSource(t, a.url+conversation(id(i)))
		becomes(t, f, "Deferred")
		followed = append(followed, f)
	}
	b := s.start("b", both)
	b.owns(4)
	a.owns(4)
	for i, f := range followed {
		b.want("answer", b.do(http.MethodPost, "/v1/deferred/"+s.token(id(i)), `{"results":[]}`), 202, "")
		becomes(t, f, "Complete")
		stops(t, f)
	}
	if !a.asked() {
		t.Error("no stream went on at the other node")
	}
}

// away fails the test unless nobody can tell, which is said within a bounded time.
func (n *running) away(what, path string) {
	n.t.Helper()
	began := time.Now()
	if a := n.once(http.MethodGet, path, ""); a.code != http.StatusServiceUnavailable || a.Code != schemas.OwnerUnavailable || a.header.Get("Retry-After") == "" || time.Since(began) > patience {
		n.t.Errorf("%s: after %s %d %s", what, time.Since(began), a.code, a.body)
	}
}

// What has ended is told by the owner or by ClickHouse, whichever is there, and the truth again when they return. What
// is open the owner alone can tell.
func TestPollsHaveTwoSources(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dsn, err := url.Parse(recordtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	clickhouse := newLink(t, dsn.Host)
	dsn.Host = clickhouse.listener.Addr().String()
	by := func(cfg *Config) { cfg.ClickHouseDSN = dsn.String() }
	n := s.start("a", takes, by)
	s.start("c", Roles{Results: true}, by)
	p := s.start("b", processes, by)
	p.owns(8)
	ended, open := n.send("ended", "Now", 1, 1), n.send("open", "Later", 1, 1)
	n.want("ended", n.get(ended+"&wait=20s"), 200, "OK")
	s.eventually("the call is deferred", func() bool { return n.get(open).Status == string(schemas.Deferred) })
	tag := n.get(open).header.Get("ETag")
	followed := testkit.NewEventSource(t, n.url+open)
	becomes(t, followed, "Deferred")

	p.stop()
	for _, path := range []string{ended, strings.SplitN(ended, "?", 2)[0]} {
		n.want("ended, from the record", n.get(path), 200, "OK")
	}
	n.want("conversation, from the record", n.get(conversation("ended")), 200, "Complete")
	n.away("open", open)
	n.away("open, with a wait", open+"&wait=5s")

	clickhouse.part()
	n.away("ended", ended)
	n.away("ended, with a wait", ended+"&wait=5s")
	n.away("conversation", conversation("ended"))
	late := testkit.NewEventSource(t, n.url+ended)
	s.eventually("a stream is open although nobody can tell", func() bool { return late.Streams.Load() == 1 })

	clickhouse.mend()
	n.want("ended, from the record again", n.get(ended), 200, "OK")
	becomes(t, late, "OK")
	stops(t, late)

	p = s.start("b", processes, by)
	p.owns(8)
	n.want("open, from the owner again", n.get(open), 200, string(schemas.Deferred))
	if again := n.get(open).header.Get("ETag"); again != tag {
		t.Errorf("the same status has the tag %s, then %s", tag, again)
	}
	n.want("answer", n.do(http.MethodPost, "/v1/deferred/"+s.token("open"), `{"results":[]}`), 202, "")
	becomes(t, followed, "OK")
	stops(t, followed)
}

// A wait for another status at a node that does not own the call ends when the owner has one.
func TestWaitForAChangeAtAnotherNode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.start("a", both), s.start("b", both)
	a.owns(4)
	b.owns(4)
	for i := range 8 {
		id := fmt.Sprint("c", i)
		location := a.send(id, "Now", 2, 2)
		for _, n := range []*running{a, b} {
			s.eventually("the call is staged", func() bool { return n.get(location).Status == string(schemas.Staged) })
		}
		tag := a.get(location).header.Get("ETag")
		if other := b.get(location).header.Get("ETag"); tag == "" || other != tag {
			t.Errorf("the tag is %s at one node, %s at the other", tag, other)
		}
		var waits sync.WaitGroup
		for _, n := range []*running{a, b} {
			waits.Go(func() {
				if got := n.changed(location+"&wait=60s", tag); got.code != http.StatusOK || got.header.Get("ETag") == tag {
					t.Errorf("waited for a change: %d %s", got.code, got.body)
				}
			})
		}
		b.send(id, "Now", 1, 2)
		waits.Wait()
	}
	if got := a.changed(a.send("alone", "Now", 2, 2), "*"); got.code != http.StatusNotModified {
		t.Errorf("whatever there is: %d %s", got.code, got.body)
	}
}

// changed asks for another status than those with these tags.
func (n *running) changed(path, tags string) said {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, n.url+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header.Set("If-None-Match", tags)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		n.t.Error(err)
		return said{}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Error(err)
	}
	return said{code: resp.StatusCode, header: resp.Header, body: string(b)}
}
