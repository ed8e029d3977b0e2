package sink

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The lag of partitions that no sink has is what waits in them, and since when: from the first look on, and without what
// nobody will ever read, the ends of transactions and what was aborted.
func TestLagOfWhatNobodyHas(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 3)
	b.produce(0, 10)
	b.produce(1, 10)
	registry := prometheus.NewPedanticRegistry()
	metrics, err := newMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	watch := lagWatch{admin: kadm.NewClient(b.client()), reader: b.options(), topics: kafkaTopics, group: "parley.sink", lags: metrics.lags}
	check := func(partition string, events float64, waits bool) {
		t.Helper()
		got, seconds := metricOf(t, registry, "parley_sink_lag_events", partition), metricOf(t, registry, "parley_sink_lag_seconds", partition)
		if got != events || (seconds > 0) != waits {
			t.Errorf("lag of partition %s is %v events and %v s, want %v, waiting: %v", partition, got, seconds, events, waits)
		}
	}
	ask := func() {
		t.Helper()
		if err := watch.ask(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := metric(t, registry, "parley_sink_lag_events"); n != 0 {
		t.Errorf("lag is %v events before anybody has looked", n)
	}
	ask()
	// 30 events and the end of their transaction; before them is one that was aborted, and its end.
	check("0", 31, true)
	check("1", 31, true)
	check("2", 0, false)

	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: kafkaTopics.Results, Partition: 0, At: b.end(0), LeaderEpoch: -1})
	o.Add(kadm.Offset{Topic: kafkaTopics.Results, Partition: 1, At: b.end(1) - 5, LeaderEpoch: -1})
	if err := kadm.NewClient(b.client()).CommitAllOffsets(t.Context(), "parley.sink", o); err != nil {
		t.Fatal(err)
	}
	ask()
	check("0", 0, false)
	check("1", 6, true)

	lost := b.record(b.makeEvents(0)[0])
	b.transact(b.client(kgo.TransactionalID("lost"), kgo.RecordPartitioner(kgo.ManualPartitioner())), kgo.TryAbort, lost)
	ask()
	check("0", 0, false)

	// A member that has read knows better than the group.
	own := metrics.lags.begin()
	own.update(map[int32]*partition{1: {end: b.end(1), block: &block{from: b.end(1) - 2, written: time.Now().Add(-time.Hour)}}})
	check("1", 3, true)
	own.lose(1)
	check("1", 6, true)
}
