package node

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"parley/internal/testkit"
	"parley/schemas"
)

// BenchmarkPoll polls a node that owns what is polled, and a bare echo handler that answers the same bytes, with 64
// connections each of which asks again as soon as it has its answer. It reports polls/s, p50 and p99, the processor time
// of a poll with that of its client, and as shares of the bare handler's the polls/s (of-bare) and, which a machine that does
// other things too disturbs less, the polls that a second of processor time is enough for (of-bare-cpu).
func BenchmarkPoll(b *testing.B) {
	s := newSite(b)
	n := s.start("a", both)
	n.owns(8)
	final := n.send("final", "Now", 1, 1)
	n.want("final", n.get(final+"&wait=20s"), 200, "OK")
	staged := n.send("staged", "Now", 1, 3)
	n.want("maintenance", n.do(http.MethodPut, "/v1/routes/all/maintenance", `{"reason":"a benchmark"}`), 200, "")
	s.eventually("the route is in maintenance", func() bool { return strings.Contains(n.get("/v1/routes").body, `"a benchmark"`) })
	for part := range 3 {
		n.send("waiting", "Now", part+1, 3)
	}
	s.eventually("a conversation waits", func() bool { return n.get(conversation("waiting")).Status == string(schemas.ConversationProcessing) })
	for _, kind := range []struct{ name, path string }{
		{"final-call-by-receipt", final},
		{"final-call", strings.SplitN(final, "?", 2)[0]},
		{"staged-call-by-receipt", staged},
		{"waiting-conversation-of-3", conversation("waiting")},
	} {
		b.Run(kind.name, func(b *testing.B) {
			var bare pace
			b.Run("bare", func(b *testing.B) { bare = poll(b, sameBytes(b, n.get(kind.path)), kind.path) })
			b.Run("parley", func(b *testing.B) {
				its := poll(b, strings.TrimPrefix(n.url, "http://"), kind.path)
				if bare.rate > 0 {
					b.ReportMetric(its.rate/bare.rate, "of-bare")
					b.ReportMetric(bare.cpu/its.cpu, "of-bare-cpu")
				}
			})
		})
	}
}

// sameBytes starts a bare handler that answers everything with what was answered.
func sameBytes(b *testing.B, a said) string {
	e := echo.New()
	e.GET("/*", func(c echo.Context) error {
		for name := range a.header {
			c.Response().Header().Set(name, a.header.Get(name))
		}
		return c.Blob(a.code, a.header.Get("Content-Type"), []byte(a.body))
	})
	s := httptest.NewServer(e)
	b.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// pace is how fast polls were answered: answers a second, and the processor time of each in µs, with that of its client.
type pace struct{ rate, cpu float64 }

// poll asks b.N times. Its clients do as little as they can: what they take is the same for both.
func poll(b *testing.B, address, path string) pace {
	const clients = 64
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: parley\r\n\r\n", path)
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	began, used := time.Now(), testkit.ProcessorTime(b)
	for range clients {
		wg.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				sent := time.Now()
				if _, err := conn.Write(request); err != nil {
					b.Error(err)
					return
				}
				if err := answered200(in); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(sent)
			}
		})
	}
	wg.Wait()
	all := time.Since(began)
	b.StopTimer()
	used = testkit.ProcessorTime(b) - used
	its := pace{float64(b.N) / all.Seconds(), float64(used.Nanoseconds()) / 1e3 / float64(b.N)}
	slices.Sort(took)
	b.ReportMetric(its.rate, "polls/s")
	b.ReportMetric(its.cpu, "cpu-µs/poll")
	b.ReportMetric(took[b.N/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(took[b.N*99/100].Seconds()*1e3, "p99-ms")
	return its
}

// answered200 reads an answer, and fails unless it is a status.
func answered200(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answered %q", line)
	}
	length := 0
	for len(line) > 2 {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			for _, c := range bytes.TrimSpace(value) {
				length = 10*length + int(c-'0')
			}
		}
	}
	_, err = io.CopyN(io.Discard, in, int64(length))
	return err
}
