package ingest

import (
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/schemas"
)

// unavailable fails the test unless r is a 503 that came within about a second.
func unavailable(t testing.TB, r reply) document {
	t.Helper()
	d := r.problem(t)
	if d.Status != http.StatusServiceUnavailable || d.Code != schemas.QueueUnavailable || r.header.Get("Retry-After") != "1" {
		t.Errorf("%+v, Retry-After %q", d, r.header.Get("Retry-After"))
	}
	if r.took > 2*time.Second {
		t.Errorf("answered after %s, want about a second", r.took)
	}
	return d
}

func TestBrokerThatWasNeverThere(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	client := startClient(t, gone)
	h := start(t, impatient, func(c *Config) { c.Client = client })
	unavailable(t, h.post(t, simpleCall))
	// What was refused is not kept, to be queued behind the client's back when the broker comes.
	eventually(t, "the client lets go of the record", func() bool { return client.BufferedProduceRecords() == 0 && h.server.budget.used.Load() == 0 })
}

func TestBrokerThatGoesAway(t *testing.T) {
	t.Parallel()
	h := start(t, impatient)
	h.post(t, simpleCall).accepted(t)
	h.broker.Close()
	unavailable(t, h.post(t, simpleCall))
	unavailable(t, h.post(t, simpleCall))
	r := h.post(t, "["+simpleCall+`,{"method":"x"}]`)
	if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") != "1" || !strings.Contains(string(r.body), "UnknownMethod") {
		t.Errorf("array: status %d: %s", r.status, r.body)
	}
	if logged := h.logged.String(); strings.Count(logged, "queue unavailable") != 1 || !strings.Contains(logged, "the brokers have said nothing for") {
		t.Errorf("logged %s, want it once, with the reason", logged)
	}
}

// An outage is said once, and its end when nothing was refused for a while, however requests fare meanwhile.
func TestOutageIsSaidOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		p := &producer{timeout: time.Second, log: slog.New(slog.NewTextHandler(&said, nil))}
		taken, refused, silent := fate{settled: true}, fate{settled: true, err: kerr.NotEnoughReplicas}, fate{}
		expect := func(unavailable, again int, has string) {
			t.Helper()
			text := said.String()
			if u, a := strings.Count(text, "queue unavailable"), strings.Count(text, "queue available again"); u != unavailable || a != again || !strings.Contains(text, has) {
				t.Errorf("said %d and %d times, want %d and %d, with %q: %s", u, a, unavailable, again, has, text)
			}
		}
		p.report([]fate{taken})
		expect(0, 0, "")
		for range 20 {
			p.report([]fate{taken, refused})
			p.report([]fate{taken})
			<-time.After(calmMin - time.Nanosecond)
			p.report([]fate{taken})
		}
		expect(1, 0, "NOT_ENOUGH_REPLICAS")
		<-time.After(time.Nanosecond)
		p.report([]fate{taken})
		p.report([]fate{taken})
		expect(1, 1, "")
		p.report([]fate{silent})
		expect(2, 1, "the brokers have said nothing for 1s")
	})
}

// A broker whose disk is full, or that has too few replicas, keeps what it has and takes nothing more.
func TestBrokerThatRefuses(t *testing.T) {
	t.Parallel()
	for _, why := range []*kerr.Error{kerr.KafkaStorageError, kerr.NotEnoughReplicas, kerr.TopicAuthorizationFailed} {
		t.Run(why.Message, func(t *testing.T) {
			t.Parallel()
			h := start(t, impatient)
			kept := h.post(t, simpleCall).accepted(t)
			fault := h.broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: why, Count: -1})
			// A machine that is busy may not hear in time that the client has let go of the record.
			eventually(t, "a call is said not to be queued", func() bool { return strings.Contains(unavailable(t, h.post(t, simpleCall)).Detail, "was not queued") })
			fault.Remove()
			eventually(t, "a call is accepted again", func() bool { return h.post(t, simpleCall).status == http.StatusAccepted })
			if !slices.ContainsFunc(h.logAtLeast(t, 2), func(r *kgo.Record) bool { return callOf(t, r).RequestId == kept.RequestID }) {
				t.Error("the first call is gone")
			}
		})
	}
}

// A broker that takes the record and says nothing: the outcome is unknown, and so it is said.
func TestBrokerThatIsSilent(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.ProduceTimeout = 200 * time.Millisecond })
	h.post(t, simpleCall).accepted(t)
	resume := make(chan struct{})
	h.broker.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		h.broker.SleepControl(func() { <-resume })
		return nil, nil, false
	})
	d := unavailable(t, h.post(t, part("c", 1, 1)))
	if !strings.Contains(d.Detail, "may yet reach it") {
		t.Errorf("detail %q", d.Detail)
	}
	if h.server.budget.used.Load() == 0 {
		t.Error("the bytes of a record that is still on its way are not counted")
	}
	close(resume)
	eventually(t, "the budget is free again", func() bool { return h.server.budget.used.Load() == 0 })
	// It did reach the log; the resend is the same call.
	again := h.post(t, part("c", 1, 1)).accepted(t)
	var same int
	for _, r := range h.log(t, 3) {
		if callOf(t, r).RequestId == again.RequestID {
			same++
		}
	}
	if same != 2 {
		t.Errorf("%d records of the request, want 2", same)
	}
}

// However brokers and clients fail, what was acknowledged is in the log, where its receipt says.
func TestNothingIsAcknowledgedThatIsNotInTheLog(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.ProduceTimeout = 300 * time.Millisecond })
	var n atomic.Int64
	h.broker.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		h.broker.KeepControl()
		switch n.Add(1) % 20 {
		case 3:
			return nil, net.ErrClosed, true // the connection is cut before the append
		case 13:
			h.broker.SleepControl(func() { <-time.After(500 * time.Millisecond) })
		}
		return nil, nil, false
	})
	var acks sync.Map
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 15 {
				r := h.post(t, "["+simpleCall+","+simpleCall+"]")
				var a struct {
					Calls []struct {
						RequestID string `json:"requestId"`
						Receipt   string `json:"receipt"`
					} `json:"calls"`
				}
				r.decode(t, &a)
				for _, c := range a.Calls {
					if c.RequestID != "" {
						acks.Store(c.RequestID, c.Receipt)
					}
				}
			}
		})
	}
	wg.Wait()
	at := make(map[string]schemas.Position)
	for _, r := range h.logAtLeast(t, 0) {
		at[callOf(t, r).RequestId] = schemas.Position{Partition: r.Partition, Offset: r.Offset}
	}
	count := 0
	acks.Range(func(id, text any) bool {
		count++
		rc, err := newReceipts(testSecret).read("default", mustParse(t, id.(string)), text.(string))
		if where, ok := at[id.(string)]; err != nil || !ok || where != rc.Position {
			t.Errorf("%s: receipt says %+v, the log %+v (%v), %v", id, rc.Position, where, ok, err)
		}
		return true
	})
	if count == 0 {
		t.Error("nothing was acknowledged")
	}
	t.Logf("%d acknowledged, %d in the log", count, len(at))
}

func TestBytesInFlightAreBounded(t *testing.T) {
	t.Parallel()
	const max = 64 << 10
	h := start(t, func(c *Config) {
		c.Limits = schemas.DefaultLimits()
		c.Limits.CallBytesMax, c.RequestBytesMax, c.BytesInFlightMax = max, max, max+1
		c.ProduceTimeout = 200 * time.Millisecond
	})
	h.post(t, simpleCall).accepted(t)
	resume := make(chan struct{})
	h.broker.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		h.broker.SleepControl(func() { <-resume })
		return nil, nil, false
	})
	big := strings.Repeat(simpleCall+"\n", max/2/len(simpleCall))
	if r := h.post(t, big, "Content-Type", mimeNDJSON); r.status != http.StatusServiceUnavailable {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	// The half of the budget that those hold is not free while the client may yet send them.
	r := h.post(t, big+simpleCall, "Content-Type", mimeNDJSON)
	if d := unavailable(t, r); !strings.Contains(d.Detail, "too many bytes") {
		t.Errorf("%+v", d)
	}
	close(resume)
	eventually(t, "the budget is free again", func() bool { return h.server.budget.used.Load() == 0 })
	h.post(t, simpleCall).accepted(t)
}

func TestTooLargeForTheTopic(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge, Count: -1})
	if d := h.post(t, simpleCall).problem(t); d.Code != schemas.TooLarge || d.Status != 413 {
		t.Errorf("%+v", d)
	}
}

// logAtLeast reads all there is in parley.calls.
func (h *harness) logAtLeast(t testing.TB, min int) []*kgo.Record {
	t.Helper()
	end := h.logEnd(t)
	if end < int64(min) {
		t.Fatalf("%d records, want at least %d", end, min)
	}
	return h.log(t, int(end))
}
