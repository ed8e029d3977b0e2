package processor_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/processor"
)

// TestNobodyElseBeginsWhatIsUnderWay has a second member join while the first waits for its executions, and for records:
// the client by itself lets a rebalance happen then.
func TestNobodyElseBeginsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	const n = 20
	c := newCluster(t)
	quick := func(cfg *processor.Config) {
		cfg.Kafka = append(cfg.Kafka, kgo.HeartbeatInterval(20*time.Millisecond))
	}
	g := &gated{gate: make(chan struct{})}
	c.start(g, t.TempDir(), quick)
	c.underWay(g, n)
	x := new(recorder)
	c.start(x, t.TempDir(), quick, func(cfg *processor.Config) { cfg.Instance = "b" })
	if within(3*time.Second, func() bool { return len(x.executed()) > 0 }) {
		t.Errorf("another member carries out %v, which are under way", x.executed())
	}
	close(g.gate)
	once(t, c.events(2*n))
	if len(x.executed()) > 0 {
		t.Errorf("another member has carried out %v, which had been", x.executed())
	}
}
