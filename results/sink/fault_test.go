package sink

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"parley/internal/testkit"
	"parley/results/recordtest"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// While ClickHouse is away the sink waits, from its first moment or from any other, and then catches up.
func TestClickHouseAway(t *testing.T) {
	t.Parallel()
	b, dsn := newBroker(t, 2), recordtest.DSN(t)
	g, gated := newGate(t, dsn)
	g.shut()
	b.produce(0, 20)
	registry := prometheus.NewPedanticRegistry()
	cfg := b.config(gated)
	cfg.Registerer = registry
	start(t, cfg)

	conn := recordtest.Open(t, dsn)
	for range 3 {
		retries := metric(t, registry, "parley_sink_retries_total")
		await(t, "attempts while ClickHouse is away", func() bool {
			return metric(t, registry, "parley_sink_retries_total") >= retries+3 && metric(t, registry, "parley_sink_lag_seconds") > 0
		})
		g.open()
		awaitStored(t, conn, b.events)
		await(t, "no lag", func() bool { return metric(t, registry, "parley_sink_lag_events") == 0 })
		g.shut()
		b.produce(0, 10)
		b.produce(1, 10)
	}
	g.open()
	awaitStored(t, conn, b.events)
	checkStored(t, conn, "_log", b.events)
}

// metric is the sum of the values of a metric.
func metric(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	return metricOf(t, g, name, "")
}

// metricOf is the sum of the values of a metric that have a label; empty: of all.
func metricOf(t *testing.T, g prometheus.Gatherer, name, label string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				if label == "" || m.GetLabel()[0].GetValue() == label {
					sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
				}
			}
		}
	}
	return sum
}

// What cannot be stored goes to parley.dead, whole and with the reason, and the rest is stored.
func TestDeadEvents(t *testing.T) {
	t.Parallel()
	b, dsn := newBroker(t, 1), recordtest.DSN(t)
	b.produce(0, 3)
	good := b.events[0].GetCall().GetRequestId()
	late := &parleyv1.CallEvent{RequestId: good, CompletedAtMs: timeMaxMS}
	bad := []struct {
		record *kgo.Record
		reason string
	}{
		{&kgo.Record{Topic: kafkaTopics.Results, Value: []byte("\xff\xff")}, "decode event"},
		{b.record(&parleyv1.ResultEvent{Account: "acc"}), "neither a call nor a conversation"},
		{b.record(&parleyv1.ResultEvent{Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{RequestId: "x"}}}), `parse request id "x" of call`},
		{b.record(&parleyv1.ResultEvent{Event: &parleyv1.ResultEvent_Conversation{Conversation: &parleyv1.ConversationEvent{}}}), `parse request id "" of conversation`},
		{b.record(&parleyv1.ResultEvent{Event: &parleyv1.ResultEvent_Call{Call: late}}), "is not within 1970 and 2262"},
	}
	for _, c := range bad {
		c.record.Key = []byte("key")
		c.record.Headers = []kgo.RecordHeader{{Key: schemas.HeaderAccount, Value: []byte("acc")}}
		b.transact(b.client(kgo.TransactionalID("bad")), kgo.TryCommit, c.record)
	}
	b.produce(0, 3)
	stop := start(t, b.config(dsn))
	conn := recordtest.Open(t, dsn)
	awaitStored(t, conn, b.events)
	stop()
	checkStored(t, conn, "_log", b.events)

	dead := b.client(kgo.ConsumeTopics(kafkaTopics.Dead))
	for _, c := range bad {
		fetches := dead.PollRecords(t.Context(), 1)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		r := fetches.Records()[0]
		if string(r.Value) != string(c.record.Value) || string(r.Key) != "key" {
			t.Errorf("dead record is %q: %q, want it as it came", r.Key, r.Value)
		}
		got := map[string]string{}
		for _, h := range r.Headers {
			got[h.Key] = string(h.Value)
		}
		if got[schemas.HeaderAccount] != "acc" || got[schemas.HeaderErrorCode] != "InvalidBody" || !strings.Contains(got[schemas.HeaderErrorDetail], c.reason) ||
			got[schemas.HeaderSourceTopic] != kafkaTopics.Results || got[schemas.HeaderSourcePartition] != "0" || got[schemas.HeaderSourceOffset] == "" {
			t.Errorf("headers of dead record = %v, want the reason %q", got, c.reason)
		}
	}
}

// A tool that moves the offset back makes the sink store again, which the views do not show.
func TestOffsetMovedBack(t *testing.T) {
	t.Parallel()
	b, dsn := newBroker(t, 1), recordtest.DSN(t)
	b.produce(0, 10)
	stop := start(t, b.config(dsn))
	conn := recordtest.Open(t, dsn)
	awaitStored(t, conn, b.events)
	stop()

	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: kafkaTopics.Results, Partition: 0, At: 3, LeaderEpoch: -1, Metadata: "moved by hand"})
	if err := kadm.NewClient(b.client()).CommitAllOffsets(t.Context(), "parley.sink", o); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	cfg := b.config(dsn)
	cfg.Registerer = registry
	start(t, cfg)
	await(t, "blocks stored again", func() bool { return metric(t, registry, "parley_sink_blocks_total") >= 2 })
	checkStored(t, conn, "", b.events)
}

func TestMetricsRegisterOnce(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	if _, err := newMetrics(registry); err != nil {
		t.Fatal(err)
	}
	if _, err := newMetrics(registry); err == nil {
		t.Error("no error for metrics that are registered already")
	}
}

// Not parallel: a test beside it would look like a leak.
func TestRunLeavesNothing(t *testing.T) {
	b, dsn := newBroker(t, 1), recordtest.DSN(t)
	b.produce(0, 10)
	before := goleak.IgnoreCurrent()
	stop := start(t, b.config(dsn))
	conn := recordtest.Open(t, dsn)
	awaitStored(t, conn, b.events)
	stop()
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	testkit.NoneLeft(t, before)
}
