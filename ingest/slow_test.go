package ingest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/schemas"
)

// wire is a connection that a test speaks HTTP on by hand.
type wire struct {
	net.Conn
	answers *bufio.Reader
}

func dial(t testing.TB, h *harness) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the server may have closed it
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &wire{conn, bufio.NewReader(conn)}
}

func (w *wire) send(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// answer reads the next answer.
func (w *wire) answer(t testing.TB) reply {
	t.Helper()
	resp, err := http.ReadResponse(w.answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Close {
		resp.Header.Set("Connection", "close") // which ReadResponse took away
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: body}
}

// ended fails the test unless the server closes the connection and says nothing more.
func (w *wire) ended(t testing.TB) {
	t.Helper()
	if rest, err := io.ReadAll(w.answers); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
}

// request is the text of a POST of calls.
func request(version, header, body string) string {
	return fmt.Sprintf("POST %s HTTP/%s\r\nHost: parley\r\nContent-Length: %d\r\n%s\r\n%s", callsPath, version, len(body), header, body)
}

// Whoever sends the headers of a request byte by byte does not keep its connection.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.HeaderTimeout = 500 * time.Millisecond })
	w := dial(t, h)
	w.send(t, "POST "+callsPath+" HTTP/1.1\r\nHost: parley\r\nX-Slow: ")
	w.ended(t)
	h.post(t, simpleCall).accepted(t)
}

// A body that does not come is answered with 408, its connection is closed, and what it held is free.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.HeaderTimeout, c.BodyTimeout = 500*time.Millisecond, 50*time.Millisecond })
	begun := map[string]string{
		"short":   "POST " + callsPath + " HTTP/1.1\r\nHost: parley\r\nContent-Length: 100\r\n\r\n{",
		"long":    "POST " + callsPath + " HTTP/1.1\r\nHost: parley\r\nContent-Length: 1000000\r\n\r\n{",
		"chunked": "POST " + callsPath + " HTTP/1.1\r\nHost: parley\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
		"gzip":    "POST " + callsPath + " HTTP/1.1\r\nHost: parley\r\nContent-Length: 100\r\nContent-Encoding: gzip\r\n\r\n\x1f",
	}
	wires := make(map[string]*wire)
	for name, begin := range begun {
		wires[name] = dial(t, h)
		wires[name].send(t, begin)
	}
	for name, w := range wires {
		r := w.answer(t)
		openContract(t).check(t, http.MethodPost, callsPath, r)
		if d := r.problem(t); d.Status != http.StatusRequestTimeout || d.Code != schemas.InvalidBody || !strings.Contains(d.Detail, "too slowly") {
			t.Errorf("%s: %+v", name, d)
		}
		w.ended(t)
	}
	eventually(t, "the budget is free again", func() bool { return h.server.budget.used.Load() == 0 })
	if n := h.logEnd(t); n != 0 {
		t.Errorf("%d records were queued", n)
	}
}

// A long body that keeps coming has more time than the timeout.
func TestLongBodiesAtAPace(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.HeaderTimeout, c.BodyTimeout = 500*time.Millisecond, 500*time.Millisecond })
	body := strings.Repeat("\n", 16<<20) + simpleCall // sixteen seconds at the slowest
	whole := request("1.1", "Content-Type: "+mimeNDJSON+"\r\n", body)
	w := dial(t, h)
	w.send(t, whole[:len(whole)/2])
	<-time.After(1200 * time.Millisecond)
	w.send(t, whole[len(whole)/2:])
	if r := w.answer(t); r.status != http.StatusAccepted {
		t.Errorf("status %d: %s", r.status, r.body)
	}
}

// A body that never ends is refused at the limit, whatever comes behind it.
func TestEndlessBody(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.RequestBytesMax, c.Limits = 1<<20, schemas.DefaultLimits() })
	w := dial(t, h)
	w.send(t, "POST "+callsPath+" HTTP/1.1\r\nHost: parley\r\nTransfer-Encoding: chunked\r\n\r\n")
	sent := make(chan error, 1)
	go func() {
		for {
			if _, err := io.WriteString(w, "10000\r\n"+strings.Repeat(" ", 1<<16)+"\r\n"); err != nil {
				sent <- err
				return
			}
		}
	}()
	if d := w.answer(t).problem(t); d.Code != schemas.TooLarge || d.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("%+v", d)
	}
	if err := <-sent; err == nil {
		t.Error("the client may go on")
	}
	eventually(t, "the budget is free again", func() bool { return h.server.budget.used.Load() == 0 })
}

// Headers have a limit; many small ones are as bad as one that is huge.
func TestHugeHeaders(t *testing.T) {
	t.Parallel()
	h := start(t)
	for name, header := range map[string]string{
		"one":  "X-Long: " + strings.Repeat("x", 80<<10) + "\r\n",
		"many": strings.Repeat("X-Many: x\r\n", 8<<10),
	} {
		w := dial(t, h)
		go func() { _, _ = io.WriteString(w, request("1.1", header, simpleCall)) }() // it is refused before its end
		if r := w.answer(t); r.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: status %d: %s", name, r.status, r.body)
		}
	}
	w := dial(t, h)
	w.send(t, request("1.1", "X-Long: "+strings.Repeat("x", 60<<10)+"\r\n", simpleCall))
	w.answer(t).accepted(t)
}

// Requests that are sent before the answers are there are answered in order.
func TestPipelinedRequests(t *testing.T) {
	t.Parallel()
	h := start(t)
	w := dial(t, h)
	const n = 20
	var all strings.Builder
	for k := range n {
		all.WriteString(request("1.1", "", part("c", k+1, n)))
	}
	w.send(t, all.String())
	for k := range n {
		if a := w.answer(t).accepted(t); int(a.SequenceCode) != k+1 {
			t.Errorf("answer %d is of part %d", k+1, a.SequenceCode)
		}
	}
	h.log(t, n)
}

func TestHTTP10(t *testing.T) {
	t.Parallel()
	h := start(t)
	w := dial(t, h)
	w.send(t, request("1.0", "", simpleCall))
	w.answer(t).accepted(t)
	w.ended(t)
	w = dial(t, h)
	w.send(t, request("1.0", "Connection: keep-alive\r\n", simpleCall)+request("1.0", "", simpleCall))
	w.answer(t).accepted(t)
	w.answer(t).accepted(t)
	w.ended(t)
}

// HTTP/2 comes with TLS only: its preface in plain text is refused, and nothing hangs.
func TestHTTP2WithoutTLS(t *testing.T) {
	t.Parallel()
	h := start(t)
	w := dial(t, h)
	w.send(t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	if r := w.answer(t); r.status < 400 {
		t.Errorf("status %d", r.status)
	}
	w.ended(t)
	w = dial(t, h)
	w.send(t, request("1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n", simpleCall))
	w.answer(t).accepted(t) // the upgrade is not taken, which is allowed (RFC 9110 section 7.8)
}

// A client that does not read its answers holds what it holds in the budget, and not for ever.
func TestUnreadAnswers(t *testing.T) {
	t.Parallel()
	const calls = 30_000
	h := start(t, func(c *Config) { c.RequestCallsMax = calls })
	w := dial(t, h)
	if err := w.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("{}\n", calls) // each is answered with a problem
	w.send(t, request("1.1", "Content-Type: "+mimeNDJSON+"\r\n", body))
	eventually(t, "the answer counts", func() bool { return h.server.budget.used.Load() > 10<<20 })
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the budget is free again", func() bool { return h.server.budget.used.Load() == 0 })
}

// At the limit of connections the next one waits, and those that are there go on.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.ConnectionsMax = 2 })
	one, two, three := dial(t, h), dial(t, h), dial(t, h)
	for _, w := range []*wire{one, two} {
		w.send(t, request("1.1", "", simpleCall))
		w.answer(t).accepted(t)
	}
	three.send(t, request("1.1", "", simpleCall))
	one.send(t, request("1.1", "", simpleCall))
	one.answer(t).accepted(t)
	if n := len(h.server.connections.open); n != 2 {
		t.Errorf("%d connections are open, want 2", n)
	}
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	three.answer(t).accepted(t)
}
