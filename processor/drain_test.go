package processor_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/route"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
)

// gated is an executor whose attempts last until its gate is opened.
type gated struct {
	begun, ended atomic.Int64
	gate         chan struct{} // lets one attempt end for each that it receives, all when it is closed
}

func (g *gated) Execute(_ context.Context, _ *route.Route, req executor.Request) conversation.Outcome {
	g.begun.Add(1)
	<-g.gate
	g.ended.Add(1)
	return conversation.Outcome{Results: make([]conversation.ObjectOutcome, len(req.Call.Objects))}
}

// within reports whether something comes true in time.
func within(d time.Duration, is func() bool) bool {
	deadline := time.After(d)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-deadline:
			return false
		}
	}
	return true
}

// underWay sends n conversations of one part and returns when the executor has all of them.
func (c *cluster) underWay(g *gated, n int) {
	c.t.Helper()
	for i := range n {
		id := fmt.Sprintf("c%d", i)
		c.send("acme/"+id, part(id, 1, 1))
	}
	if !within(20*time.Second, func() bool { return g.begun.Load() == int64(n) }) {
		c.t.Fatalf("%d of %d attempts have begun", g.begun.Load(), n)
	}
}

// TestOrderlyEndRecordsWhatWasUnderWay has one attempt end after the processor was told to stop, and all others while
// the outcome of that one is being committed.
func TestOrderlyEndRecordsWhatWasUnderWay(t *testing.T) {
	t.Parallel()
	const n = 20
	c := newCluster(t)
	broker := c.kafka.Fake()
	g := &gated{gate: make(chan struct{})}
	dir := t.TempDir()
	_, stop := c.start(g, dir)
	c.underWay(g, n)
	var last atomic.Bool
	broker.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.KeepControl()
		if last.CompareAndSwap(true, false) {
			close(g.gate)
			within(20*time.Second, func() bool { return g.ended.Load() == n })
		}
		return nil, nil, false
	})
	time.AfterFunc(100*time.Millisecond, func() { // when the processor waits for nothing but its executions
		last.Store(true)
		g.gate <- struct{}{}
	})
	stop()
	x := new(recorder)
	c.start(x, dir)
	once(t, c.events(2*n))
	if again := x.executed(); len(again) > 0 {
		t.Errorf("after an orderly end, %d of %d calls were carried out again", len(again), n)
	}
}

// TestNobodyElseBeginsWhatIsUnderWayAtTheEnd has a second member join while the first waits for its executions. Each
// would otherwise record a result of its own: a generation tells members apart, not which partitions they have.
func TestNobodyElseBeginsWhatIsUnderWayAtTheEnd(t *testing.T) {
	t.Parallel()
	const n = 20
	c := newCluster(t)
	quick := func(cfg *processor.Config) {
		cfg.Kafka = append(cfg.Kafka, kgo.HeartbeatInterval(20*time.Millisecond))
	}
	g := &gated{gate: make(chan struct{})}
	_, stop := c.start(g, t.TempDir(), quick)
	c.underWay(g, n)
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	x := new(recorder)
	c.start(x, t.TempDir(), quick, func(cfg *processor.Config) { cfg.Instance = "b" })
	if within(2*time.Second, func() bool { return len(x.executed()) > 0 }) {
		t.Errorf("another member carries out %v, which are under way", x.executed())
	}
	close(g.gate)
	<-stopped
	c.send("acme/last", part("last", 1, 1))
	once(t, c.events(2*n+2))
}
