package scale_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/internal/testkit"
	"parley/internal/token"
	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// How much there is of what is measured.
var (
	stagedParts = flag.Int("staged", 1_000_000, "parts that are staged")
	markers     = flag.Int("markers", 2_000_000, "conversations that have ended")
)

func TestMain(m *testing.M) {
	testkit.BrokerMain()
	os.Exit(m.Run())
}

const partitions = 8

// rig is a broker in a process of its own, with Parley's topics.
type rig struct {
	*testing.B
	seeds  kgo.Opt
	client *kgo.Client
	topics schemas.Topics
}

func newRig(b *testing.B) *rig {
	b.Helper()
	r := &rig{B: b, seeds: kgo.SeedBrokers(testkit.Broker(b)), topics: schemas.TopicsOf("scale")}
	var err error
	if r.client, err = kgo.NewClient(r.seeds, kgo.RecordPartitioner(kgo.ManualPartitioner())); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(r.client.Close)
	layout := topics.Layout{Partitions: partitions, ResultPartitions: partitions}
	if _, err := topics.Ensure(b.Context(), r.client, topics.Spec{Topics: r.topics, Layout: layout, Replication: 1}); err != nil {
		b.Fatal(err)
	}
	return r
}

// noop is an executor that says OK at once.
type noop struct{}

func (noop) Execute(_ context.Context, _ *route.Route, req executor.Request) conversation.Outcome {
	return conversation.Outcome{Results: make([]conversation.ObjectOutcome, len(req.Call.Objects))}
}

// start runs a processor with its store in dir until stop is called. metric reads one of its metrics.
func (r *rig) start(dir string, adjust func(*processor.Config)) (metric func(name string) float64, stop func()) {
	r.Helper()
	signer, err := token.NewSigner([]byte("sixteen bytes, at least"))
	if err != nil {
		r.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	cfg := processor.Config{
		Kafka: []kgo.Opt{r.seeds}, Topics: r.topics, Partitions: partitions, ResultPartitions: partitions,
		Group: "scale", Instance: "a", SinkGroup: "sink", StoreDir: dir,
		Routes: route.NewCurrent(route.Default("http://127.0.0.1:1/")), Executor: noop{}, Tokens: signer, Limits: schemas.DefaultLimits(),
		PartTimeout: time.Hour, Metrics: registry, Log: slog.New(slog.DiscardHandler),
	}
	if adjust != nil {
		adjust(&cfg)
	}
	p, err := processor.New(cfg)
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.Errorf("processor: %v", err)
		}
	})
	r.Cleanup(stop)
	return func(name string) float64 { return value(r, registry, name) }, stop
}

// value is that of a metric without labels.
func value(r *rig, registry *prometheus.Registry, name string) float64 {
	families, err := registry.Gather()
	if err != nil {
		r.Fatal(err)
	}
	for _, f := range families {
		if m := f.GetMetric(); f.GetName() == name && len(m) == 1 {
			return m[0].GetGauge().GetValue() + m[0].GetCounter().GetValue()
		}
	}
	r.Fatalf("there is no metric %s", name)
	return 0
}

// until waits until a condition holds.
func (r *rig) until(what string, limit time.Duration, holds func() bool) {
	r.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(limit); !holds(); <-again.C {
		if time.Now().After(deadline) {
			r.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// produce appends the records that next returns, until it returns nil.
func (r *rig) produce(next func() *kgo.Record) {
	r.Helper()
	var failed atomic.Pointer[error]
	for rec := next(); rec != nil && failed.Load() == nil; rec = next() {
		r.client.Produce(r.Context(), rec, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	if err := r.client.Flush(r.Context()); err != nil {
		r.Fatal(err)
	}
	if err := failed.Load(); err != nil {
		r.Fatal(*err)
	}
}

// call is a part of a conversation, as a record of the calls, with some payload.
func (r *rig) call(conversation string, seq, of int, payload string) *kgo.Record {
	key := "acme/" + conversation
	return &kgo.Record{
		Topic:     r.topics.Calls,
		Partition: topics.Partition(key, partitions),
		Key:       []byte(key),
		Value: fmt.Appendf(nil, `{"account":"acme","method":"Create","objects":[{"type":"Row","customerKey":"%[1]s","properties":{"x":"%[2]s"}}],"options":{"conversationId":"%[1]s","sequenceCode":%[3]d,"callsInConversation":%[4]d}}`,
			conversation, payload, seq, of),
	}
}

// ends are where the partitions of a topic end.
func (r *rig) ends(topic string) kadm.ListedOffsets {
	r.Helper()
	ends, err := kadm.NewClient(r.client).ListCommittedOffsets(r.Context(), topic)
	if err != nil {
		r.Fatal(err)
	}
	return ends
}

// read calls f with all committed records of a topic.
func (r *rig) read(topic string, f func(*kgo.Record)) {
	r.Helper()
	reader, err := kgo.NewClient(r.seeds, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		r.Fatal(err)
	}
	defer reader.Close()
	left := make(map[int32]int64)
	r.ends(topic).Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	for len(left) > 0 {
		fetches := reader.PollFetches(r.Context())
		if err := fetches.Err(); err != nil {
			r.Fatal(err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if rec.Offset+1 >= left[rec.Partition] {
				delete(left, rec.Partition)
			}
			if !rec.Attrs.IsControl() {
				f(rec)
			}
		})
	}
}

// awaitEvents waits until the results have so many events.
func (r *rig) awaitEvents(n int) {
	r.Helper()
	reader, err := kgo.NewClient(r.seeds, kgo.ConsumeTopics(r.topics.Results), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		r.Fatal(err)
	}
	defer reader.Close()
	for n > 0 {
		fetches := reader.PollFetches(r.Context())
		if err := fetches.Err(); err != nil {
			r.Fatal(err)
		}
		n -= fetches.NumRecords()
	}
}

// residentBytes is how much memory this process has.
func residentBytes(b *testing.B) int {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return kib << 10
		}
	}
	b.Fatal("/proc/self/status has no VmRSS")
	return 0
}
