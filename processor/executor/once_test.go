package executor_test

import (
	"bufio"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"
	"time"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/schemas"
)

// hangsUp is a backend that answers the first request, and reads each later one and then closes the connection.
type hangsUp struct {
	mu                    sync.Mutex
	connections, requests int
}

// serve takes connections until the listener closes.
func (b *hangsUp) serve(l net.Listener, group *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.connections++
		b.mu.Unlock()
		group.Go(func() { b.talk(conn) })
	}
}

func (b *hangsUp) talk(conn net.Conn) {
	defer conn.Close()
	for r := bufio.NewReader(conn); ; {
		request, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		b.mu.Lock()
		b.requests++
		first := b.requests == 1
		b.mu.Unlock()
		if !first {
			return
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
			return
		}
	}
}

func (b *hangsUp) start(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() { b.serve(l, &group) })
	t.Cleanup(func() {
		_ = l.Close()
		group.Wait()
	})
	return "http://" + l.Addr().String()
}

// net/http sends a request with an Idempotency-Key again by itself when a connection that was kept breaks. A call that
// must not be repeated reaches the backend once.
func TestAtMostOnceIsSentOnce(t *testing.T) {
	t.Parallel()
	for delivery, want := range map[route.Delivery]int{route.AtMostOnce: 1, route.AtLeastOnce: 2} {
		t.Run(string(delivery), func(t *testing.T) {
			t.Parallel()
			backend := new(hangsUp)
			r := routeTo(backend.start(t))
			r.Delivery = delivery
			x := newHTTP(t)
			if got := x.Execute(t.Context(), r, request()); got.Kind != conversation.Answered {
				t.Fatalf("the first request: %+v", got)
			}
			got := x.Execute(t.Context(), r, request())
			if want := transient("no answer: EOF"); got.Kind != want.Kind || got.Unsent {
				t.Errorf("outcome %+v, want %+v", got, want)
			}
			backend.mu.Lock()
			defer backend.mu.Unlock()
			if n := backend.requests - 1; n != want {
				t.Errorf("the backend had the request %d times, want %d", n, want)
			}
			if backend.connections != want {
				t.Errorf("%d connections, want %d: the second request was to go over that of the first", backend.connections, want)
			}
		})
	}
}

// Unsent is said only where it is proven.
func TestUnsent(t *testing.T) {
	t.Parallel()
	closesAtOnce := func(t *testing.T) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		group.Go(func() {
			for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
				_ = conn.Close()
			}
		})
		t.Cleanup(func() {
			_ = l.Close()
			group.Wait()
		})
		return l.Addr().String()
	}
	says := func(status int, header http.Header) func(*testing.T) string {
		return func(t *testing.T) string { return serve(t, answers(status, header, "busy")) }
	}
	after := func(s string) http.Header { return http.Header{"Retry-After": {s}} }
	tests := []struct {
		name    string
		backend func(*testing.T) string
		want    bool
	}{
		{"TLS is broken off", func(t *testing.T) string { return "https://" + closesAtOnce(t) }, true},
		{"certificate is not trusted", func(t *testing.T) string {
			s := httptest.NewUnstartedServer(answers(200, nil, ""))
			s.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the handshake
			s.StartTLS()
			t.Cleanup(s.Close)
			return s.URL
		}, true},
		{"no TLS there", func(t *testing.T) string { return "https" + serve(t, answers(200, nil, ""))[len("http"):] }, true},
		{"no such port", func(*testing.T) string { return "http://127.0.0.1:99999" }, true},
		{"connection is closed at once", func(t *testing.T) string { return "http://" + closesAtOnce(t) }, false},
		{"429", says(429, nil), true},
		{"503 with a time", says(503, after("1")), true},
		{"503 with a date", says(503, after("Sun, 06 Nov 1994 08:49:37 GMT")), true},
		{"503 with no time at all", says(503, after("0")), true},
		{"503 alone", says(503, nil), false},
		{"503 with a riddle", says(503, after("soon")), false},
		{"500 with a time", says(500, after("1")), false},
		{"502 with a time", says(502, after("1")), false},
		{"408 with a time", says(408, after("1")), false},
		{"425", says(425, nil), false},
	}
	x := newHTTP(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, delivery := range []route.Delivery{route.AtLeastOnce, route.AtMostOnce} {
				r := routeTo(tt.backend(t))
				r.Delivery = delivery
				if got := x.Execute(t.Context(), r, request()); got.Kind != conversation.Transient || got.Unsent != tt.want {
					t.Errorf("%s: %+v, want Transient, Unsent %t", delivery, got, tt.want)
				}
			}
		})
	}
}

// A request that was written may have been handed over, although nobody answered in time.
func TestTimeoutIsNotUnsent(t *testing.T) {
	t.Parallel()
	x := newHTTP(t)
	for _, delivery := range []route.Delivery{route.AtLeastOnce, route.AtMostOnce} {
		for timeout, sent := 50*time.Millisecond, false; !sent; timeout *= 2 { // until there is time enough to write it
			reached := make(chan struct{}, 1)
			r := routeTo(serve(t, func(_ http.ResponseWriter, r *http.Request) {
				reached <- struct{}{}
				untilHungUp(r)
			}))
			r.Delivery, r.Executor.Timeout = delivery, timeout
			got := x.Execute(t.Context(), r, request())
			select {
			case <-reached:
				sent = true
			default:
			}
			if got.Kind != conversation.Transient || sent && got.Unsent {
				t.Errorf("%s: %+v, want Transient, and not Unsent", delivery, got)
			}
		}
	}
}

// The status says it all: how much comes behind it does not matter.
func TestStatusStandsHoweverLongTheBody(t *testing.T) {
	t.Parallel()
	endless := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			block := make([]byte, 1<<20)
			for range 32 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}
	}
	for status, want := range map[int]conversation.Outcome{
		502: transient("the backend answered 502 Bad Gateway"),
		202: {Kind: conversation.Deferred},
		400: failed(schemas.CallFailed, "the backend answered 400 Bad Request"),
		301: invalid("the backend answered 301 Moved Permanently, which means nothing here"),
	} {
		if got := newHTTP(t).Execute(t.Context(), routeTo(serve(t, endless(status))), request()); !reflect.DeepEqual(got, want) {
			t.Errorf("%d: outcome %+v, want %+v", status, got, want)
		}
	}
}
