package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/testkit"
)

// BenchmarkCallbacks has a node take b.N calls and carry them out: without callbacks (calls), and told by HTTPPost to a receiver,
// as fast as it can (full), at half of that pace (half), and at a thousand a second (steady). Node, backend, client and receiver are one process. It reports
//
//   - callbacks/s, from the first call to the last callback, and of-bare: their share of the posts/s that the same receiver takes
//     of the same bodies from net/http alone;
//   - p50-ms and p99-ms: how long after the end of its call, as its timestamp has it, a callback comes;
//   - cpu-µs/callback, the processor time of a call that is told less that of one that is not, with that of the receiver; and
//     of-bare-cpu: that of a bare post as a share of it, which a machine that does other things too disturbs less.
func BenchmarkCallbacks(b *testing.B) {
	s := newSite(b)
	n := s.start("a", both, func(cfg *Config) { cfg.CallbackAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	n.owns(8)
	var alone time.Duration // processor time of a call
	b.Run("calls", func(b *testing.B) {
		before, used := n.ended(), testkit.ProcessorTime(b)
		n.flood(b, "", 0)
		n.eventually("all calls end", func() bool { return n.ended() >= before+b.N })
		alone = (testkit.ProcessorTime(b) - used) / time.Duration(b.N)
		b.ReportMetric(float64(alone.Nanoseconds())/1e3, "cpu-µs/call")
	})
	var full float64 // callbacks a second
	for _, load := range []struct {
		name string
		pace func() float64 // calls a second; 0: as fast as it can
	}{
		{"full", func() float64 { return 0 }},
		{"half", func() float64 { return full / 2 }},
		{"steady", func() float64 { return 1_000 }},
	} {
		b.Run(load.name, func(b *testing.B) {
			w := startStopwatch(b)
			began, used := time.Now(), testkit.ProcessorTime(b)
			n.flood(b, w.URL, load.pace())
			n.eventually("all callbacks come", func() bool { return w.came() >= b.N })
			rate := float64(b.N) / w.last().Sub(began).Seconds()
			cpu := (testkit.ProcessorTime(b)-used)/time.Duration(b.N) - alone
			b.StopTimer()
			full = max(full, rate)
			bare := barePosts(b, w)
			delays := w.sorted()
			b.ReportMetric(rate, "callbacks/s")
			b.ReportMetric(rate/bare.rate, "of-bare")
			b.ReportMetric(delays[len(delays)/2].Seconds()*1e3, "p50-ms")
			b.ReportMetric(delays[len(delays)*99/100].Seconds()*1e3, "p99-ms")
			b.ReportMetric(float64(cpu.Nanoseconds())/1e3, "cpu-µs/callback")
			b.ReportMetric(bare.cpu*1e3/float64(cpu.Nanoseconds()), "of-bare-cpu")
		})
	}
}

// ended is how many calls have ended.
func (n *running) ended() (count int) {
	for _, m := range n.metrics()["parley_processor_call_seconds"].GetMetric() {
		count += int(m.GetHistogram().GetSampleCount())
	}
	return count
}

// stopwatch is a receiver that takes the time of callbacks.
type stopwatch struct {
	*httptest.Server

	mu     sync.Mutex
	delays []time.Duration
	latest time.Time
	body   []byte
}

func startStopwatch(b *testing.B) *stopwatch {
	s := new(stopwatch)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it comes again
		}
		var c struct{ Timestamp time.Time }
		if err := json.Unmarshal(body, &c); err != nil {
			b.Error(err)
		}
		s.mu.Lock()
		s.delays, s.latest, s.body = append(s.delays, now.Sub(c.Timestamp)), now, body
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(s.Close)
	return s
}

func (s *stopwatch) came() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.delays)
}

func (s *stopwatch) last() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest
}

func (s *stopwatch) sorted() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.delays))
}

// flood sends b.N calls, many in a request, at a rate; 0: as fast as they are taken. Their ends are told to a target; empty: to
// nobody.
func (n *running) flood(b *testing.B, target string, rate float64) {
	const most = 50
	call := `{"method":"Create","objects":[{"type":"Now"}]}`
	if target != "" {
		call = fmt.Sprintf(`{"method":"Create","objects":[{"type":"Now"}],"options":{"sendResponseTo":[{"responseType":"HTTPPost","responseAddress":%q,"respondWhen":"OnCallComplete"}]}}`, target)
	}
	began := time.Now()
	for sent := 0; sent < b.N; {
		count := min(most, b.N-sent)
		if rate > 0 {
			<-time.After(time.Until(began.Add(time.Duration(float64(sent) / rate * float64(time.Second)))))
		}
		a := n.once(http.MethodPost, "/v1/calls", "["+strings.Repeat(call+",", count-1)+call+"]")
		if a.code != http.StatusAccepted {
			b.Fatalf("%d %s", a.code, a.body)
		}
		sent += count
	}
}

// barePosts has 32 clients post a callback's body to a receiver.
func barePosts(b *testing.B, s *stopwatch) pace {
	const clients, posts = 32, 200
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	body := s.body
	began, used := time.Now(), testkit.ProcessorTime(b)
	var posting sync.WaitGroup
	for range clients {
		posting.Go(func() {
			for range posts {
				response, err := client.Post(s.URL, "application/json", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				response.Body.Close()
			}
		})
	}
	posting.Wait()
	used = testkit.ProcessorTime(b) - used
	return pace{rate: clients * posts / time.Since(began).Seconds(), cpu: float64(used.Nanoseconds()) / 1e3 / (clients * posts)}
}
