package sink

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/results/recordtest"
)

// Results are nowhere else until ClickHouse has them, however old they are.
func TestTrimsWhatIsStored(t *testing.T) {
	t.Parallel()
	b, dsn := newBroker(t, 2), recordtest.Migrated(t)
	b.produce(0, 10)
	b.produce(1, 10)
	var rounds atomic.Int64
	b.ControlKey(int16(kmsg.OffsetFetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		rounds.Add(1)
		return nil, nil, false
	})
	g, gated := newGate(t, dsn)
	g.shut()
	cfg := b.config(gated)
	cfg.TrimAfter = time.Millisecond
	start(t, cfg)
	await(t, "rounds while ClickHouse is away", func() bool { return rounds.Load() >= 4 }) // two of them are the group's
	for p := range int32(2) {
		if at := b.PartitionInfo(kafkaTopics.Results, p).LogStartOffset; at != 0 {
			t.Errorf("partition %d begins at %d although nothing is stored", p, at)
		}
	}
	g.open()
	await(t, "the log without what is stored", func() bool {
		return b.PartitionInfo(kafkaTopics.Results, 0).LogStartOffset == b.end(0) && b.PartitionInfo(kafkaTopics.Results, 1).LogStartOffset == b.end(1)
	})
	b.produce(0, 10)
	awaitStored(t, recordtest.Open(t, dsn), b.events)
}
