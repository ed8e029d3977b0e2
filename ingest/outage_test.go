package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/schemas"
)

// cable is what a Kafka client reaches its brokers by. It can be cut, so that connections break and none is made, and it
// can be deaf, so that what is sent arrives and no answer comes.
type cable struct {
	mu    sync.Mutex
	cut   bool
	heard chan struct{} // closed while answers come
	ends  map[*cableEnd]struct{}
}

// cableEnd is a connection by a cable.
type cableEnd struct {
	net.Conn
	cable  *cable
	closed chan struct{}
	close  func() error
}

func newCable() *cable {
	c := &cable{heard: make(chan struct{}), ends: make(map[*cableEnd]struct{})}
	close(c.heard)
	return c
}

func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	e := &cableEnd{Conn: conn, cable: c, closed: make(chan struct{})}
	e.close = sync.OnceValue(func() error {
		close(e.closed)
		return conn.Close()
	})
	c.ends[e] = struct{}{}
	return e, nil
}

// sever breaks all connections, and lets none be made until mend.
func (c *cable) sever() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	var errs []error
	for e := range c.ends {
		errs = append(errs, e.close())
	}
	clear(c.ends)
	return errors.Join(errs...)
}

// deafen has answers wait until mend.
func (c *cable) deafen() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = make(chan struct{})
	return nil
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = false
	select {
	case <-c.heard:
	default:
		close(c.heard)
	}
}

// Read implements net.Conn.
func (e *cableEnd) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	e.cable.mu.Lock()
	heard := e.cable.heard
	e.cable.mu.Unlock()
	select {
	case <-heard:
	case <-e.closed:
	}
	return n, err
}

// Close implements net.Conn.
func (e *cableEnd) Close() error { return e.close() }

// startPlugged starts a server whose client reaches the broker by the cable that is returned.
func startPlugged(t *testing.T) (*harness, *cable) {
	t.Helper()
	c := newCable()
	h := start(t, func(cfg *Config) { cfg.ProduceTimeout = 300 * time.Millisecond })
	client, err := kgo.NewClient(append(ProducerOptions(schemas.DefaultLimits()), kgo.SeedBrokers(h.broker.ListenAddrs()...), kgo.Dialer(c.dial))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	h.server.producer.client = client
	return h, c
}

// However the brokers go and come back: what was acknowledged is in the log, once; what was said not to be queued is not;
// and of the rest it was said that nobody knows.
func TestOutagesAreToldTruly(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*cable) error{
		"connections refused": (*cable).sever,
		"no answers":          (*cable).deafen,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, c := startPlugged(t)
			said := make(map[string]string) // of each call, by its conversation
			var last reply
			post := func() int {
				conversation := fmt.Sprintf("c-%d", len(said))
				last = h.post(t, part(conversation, 1, 1))
				switch {
				case last.status == http.StatusAccepted:
					said[conversation] = "accepted"
				case strings.Contains(unavailable(t, last).Detail, "was not queued"):
					said[conversation] = "not queued"
				default:
					said[conversation] = "unknown"
				}
				return last.status
			}
			eventually(t, "a call is accepted", func() bool { return post() == http.StatusAccepted })
			for range 2 {
				if err := begin(c); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if post() == http.StatusAccepted {
						t.Error("accepted without a broker")
					}
				}
				c.mend()
				eventually(t, "a call is accepted again", func() bool { return post() == http.StatusAccepted })
			}
			eventually(t, "the client lets go of all", func() bool { return h.server.budget.used.Load() == 0 })
			found := make(map[string]int)
			for _, r := range h.logAtLeast(t, 0) {
				found[callOf(t, r).GetOptions().GetConversationId()]++
			}
			for conversation, what := range said {
				if n := found[conversation]; what == "accepted" && n != 1 || what == "not queued" && n != 0 || n > 1 {
					t.Errorf("%s was said to be %s, and is in the log %d times", conversation, what, n)
				}
			}
		})
	}
}

// A broker that takes connections and never says a word.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() }) // nobody listens any more
	client := startClient(t, ln.Addr().String())
	h := start(t, impatient, func(c *Config) { c.Client = client })
	if d := unavailable(t, h.post(t, simpleCall)); !strings.Contains(d.Detail, "was not queued") {
		t.Errorf("detail %q", d.Detail)
	}
	eventually(t, "the client lets go of the record", func() bool { return client.BufferedProduceRecords() == 0 && h.server.budget.used.Load() == 0 })
}

// A broker that is slow, and faster than the timeout, is waited for.
func TestSlowBroker(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.broker.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		h.broker.KeepControl()
		h.broker.SleepControl(func() { <-time.After(100 * time.Millisecond) })
		return nil, nil, false
	})
	for range 3 {
		h.post(t, simpleCall).accepted(t)
	}
	h.log(t, 3)
}

// A partition whose leader moves is followed to where it goes.
func TestLeaderThatMoves(t *testing.T) {
	t.Parallel()
	brokers, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(partitions, testTopics.Calls))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(brokers.Close)
	client := startClient(t, brokers.ListenAddrs()...)
	h := start(t, func(c *Config) { c.Client = client })
	accepted := make(map[string]bool)
	post := func() bool {
		r := h.post(t, part("c", 1, 1))
		if r.status == http.StatusAccepted {
			accepted[r.accepted(t).Receipt] = true
		}
		return r.status == http.StatusAccepted
	}
	for node := range int32(4) {
		eventually(t, "a call is accepted", post)
		for p := range int32(partitions) {
			if err := brokers.MoveTopicPartition(testTopics.Calls, p, node%2); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "a call is accepted", post)
	var end int64
	for p := range int32(partitions) {
		end += brokers.PartitionInfo(testTopics.Calls, p).HighWatermark
	}
	if end < int64(len(accepted)) {
		t.Errorf("%d acknowledged, %d in the log", len(accepted), end)
	}
}

// What was accepted when the server is told to stop is answered truly, on connections that are then closed; nobody else is
// let in.
func TestStopFinishesWhatIsOpen(t *testing.T) {
	t.Parallel()
	const requests = 16
	h := start(t, func(c *Config) { c.ShutdownTimeout = patience })
	h.post(t, simpleCall).accepted(t)
	resume := make(chan struct{})
	h.broker.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		h.broker.SleepControl(func() { <-resume })
		return nil, nil, false
	})
	wires := make([]*wire, requests)
	for i := range wires {
		wires[i] = dial(t, h)
		wires[i].send(t, request("1.1", "", part(fmt.Sprintf("c-%d", i), 1, 1)))
	}
	eventually(t, "all are on their way", func() bool { return h.server.producer.client.BufferedProduceRecords() == requests })
	stopped := make(chan error, 1)
	go func() { stopped <- h.stop() }()
	eventually(t, "nobody is let in", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err == nil {
			_ = conn.Close() // it was too early
		}
		return err != nil
	})
	close(resume)
	accepted := make(map[string]bool)
	for _, w := range wires {
		r := w.answer(t)
		accepted[r.accepted(t).RequestID] = true
		if got := r.header.Get("Connection"); got != "close" {
			t.Errorf("Connection %q, want close", got)
		}
		w.ended(t)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	for _, r := range h.log(t, 1+requests) {
		delete(accepted, callOf(t, r).RequestId)
	}
	if len(accepted) > 0 {
		t.Errorf("acknowledged and not in the log: %v", accepted)
	}
}

// Clients that go on while the server is stopped: each call that was acknowledged is in the log, once.
func TestStopLosesNothing(t *testing.T) {
	t.Parallel()
	h := start(t)
	var mu sync.Mutex
	accepted := make(map[string]bool)
	var wg sync.WaitGroup
	begun := make(chan struct{})
	for i := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				resp, err := http.Post(h.url+callsPath, mimeJSON, strings.NewReader(simpleCall))
				if err != nil {
					return // the server is gone
				}
				if a, ok := acknowledged(resp); ok {
					mu.Lock()
					accepted[a] = true
					mu.Unlock()
				}
				if i == 0 && n == 50 {
					close(begun)
				}
			}
		})
	}
	<-begun
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	found := make(map[string]int)
	for _, r := range h.logAtLeast(t, len(accepted)) {
		found[callOf(t, r).RequestId]++
	}
	for id := range accepted {
		if found[id] != 1 {
			t.Errorf("%s was acknowledged, and is in the log %d times", id, found[id])
		}
	}
}

// acknowledged reads an answer, and returns the request id if it is an acknowledgment that has come whole.
func acknowledged(resp *http.Response) (id string, ok bool) {
	defer resp.Body.Close()
	var a Acknowledgment
	err := json.UnmarshalRead(resp.Body, &a)
	return a.RequestID, err == nil && resp.StatusCode == http.StatusAccepted
}
