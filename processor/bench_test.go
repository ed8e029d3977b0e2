package processor_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// noop is an executor that says OK at once.
type noop struct{}

func (noop) Execute(_ context.Context, _ *route.Route, req executor.Request) conversation.Outcome {
	return conversation.Outcome{Results: make([]conversation.ObjectOutcome, len(req.Call.Objects))}
}

// guarantees are routes that take all calls, one for each promise that a route can make. REQUESTS is a topic of the benchmark.
var guarantees = []struct{ name, route string }{
	{"idempotent", `{name: all, executor: {type: http, url: "http://127.0.0.1:1/"}, idempotent: true}`},
	{"at-least-once", `{name: all, executor: {type: http, url: "http://127.0.0.1:1/"}}`},
	{"at-most-once", `{name: all, executor: {type: http, url: "http://127.0.0.1:1/"}, delivery: at-most-once}`},
	{"exactly-once", `{name: all, executor: {type: kafka, topic: REQUESTS}, delivery: exactly-once}`},
}

// BenchmarkProcessor measures calls per second from the log to the results, against a raw exactly-once pass-through
// of the same records on the same broker, which has a process of its own. ×raw is the ratio of the two.
func BenchmarkProcessor(b *testing.B) {
	for _, g := range guarantees {
		for _, parts := range []int{1, 3, 10} {
			b.Run(fmt.Sprintf("%s/json/%d-call", g.name, parts), func(b *testing.B) { benchmarkProcessor(b, g.route, parts, jsonCall) })
		}
	}
	b.Run("idempotent/protobuf/3-call", func(b *testing.B) { benchmarkProcessor(b, guarantees[0].route, 3, protobufCall) })
}

func benchmarkProcessor(b *testing.B, by string, parts int, form callForm) {
	f := newBench(b, by)
	calls := max(parts, b.N-b.N%parts)
	f.load(calls/parts, parts, form)
	raw := f.passThrough(calls)
	b.ReportAllocs()
	b.ResetTimer()
	start, busy, brokers := time.Now(), testkit.ProcessorTime(b), f.kafka.ProcessorTime()
	_, stop := f.start()
	f.awaitEvents(int64(calls + calls/parts))
	took := time.Since(start)
	busy, brokers = testkit.ProcessorTime(b)-busy, f.kafka.ProcessorTime()-brokers
	b.StopTimer()
	stop()
	rate := float64(calls) / took.Seconds()
	b.ReportMetric(rate, "calls/s")
	b.ReportMetric(raw, "raw/s")
	b.ReportMetric(rate/raw, "×raw")
	b.ReportMetric(float64(busy.Microseconds())/float64(calls), "cpu-µs/call")
	b.ReportMetric(float64(brokers.Microseconds())/float64(calls), "brokers-cpu-µs/call")
}

// BenchmarkLatency measures, one conversation of three after the other, the time from the last part's append to the
// moment at which a poll that waits is told Complete.
func BenchmarkLatency(b *testing.B) {
	for _, g := range guarantees {
		b.Run(g.name, func(b *testing.B) {
			f := newBench(b, g.route)
			p, stop := f.start()
			defer stop()
			var took []time.Duration
			for i := range b.N + 20 { // the first ones find it cold
				id := fmt.Sprintf("latency-%d", i)
				for seq := range 3 {
					f.append(jsonCall(id, seq+1, 3, "x"))
				}
				start := time.Now()
				for {
					r, err := p.Conversation(b.Context(), schemas.ConversationQuery{Account: "acme", ID: id, Wait: time.Minute})
					if err == nil && r.Status.Final() {
						break
					}
				}
				if i >= 20 {
					took = append(took, time.Since(start))
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// bench is a Kafka in processes of its own, with Parley's topics.
type bench struct {
	*testing.B
	kafka  *testkit.Measured
	client *kgo.Client
	topics schemas.Topics
	routes *route.Current
}

const benchPartitions = 8

func newBench(b *testing.B, by string) *bench {
	k := testkit.StartMeasured(b)
	table, err := route.Parse([]byte("routes: [" + strings.Replace(by, "REQUESTS", k.Prefix+".requests", 1) + "]"))
	if err != nil {
		b.Fatal(err)
	}
	f := &bench{B: b, kafka: k, topics: k.Topics, routes: route.NewCurrent(table)}
	if f.client, err = kgo.NewClient(f.kafka.Seeds(), kgo.RecordPartitioner(kgo.ManualPartitioner())); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(f.client.Close)
	layout := topics.Layout{Partitions: benchPartitions, ResultPartitions: benchPartitions}
	if _, err := topics.Ensure(b.Context(), f.client, topics.Spec{Topics: f.topics, Layout: layout, Replication: k.Replicas}); err != nil {
		b.Fatal(err)
	}
	if _, err := kadm.NewClient(f.client).CreateTopic(b.Context(), 1, k.Replicas, nil, k.Prefix+".requests"); err != nil {
		b.Fatal(err)
	}
	return f
}

// start runs a processor until the function that it returns is called.
func (f *bench) start() (*processor.Processor, func()) {
	p, err := processor.New(processor.Config{
		Kafka: []kgo.Opt{f.kafka.Seeds()}, Topics: f.topics, Partitions: benchPartitions, ResultPartitions: benchPartitions,
		Group: f.kafka.Prefix + ".processor", Instance: f.kafka.Prefix + "-a", SinkGroup: f.kafka.Prefix + ".sink", StoreDir: f.TempDir(),
		Routes: f.routes, Executor: noop{}, Tokens: signer(f), Limits: schemas.DefaultLimits(),
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(f.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return p, func() {
		cancel()
		if err := <-done; err != nil {
			f.Fatal(err)
		}
	}
}

// callForm is how a call is put into a record.
type callForm func(conversationID string, seq, of int, payload string) *kgo.Record

func jsonCall(id string, seq, of int, payload string) *kgo.Record {
	value := fmt.Sprintf(`{"account":"acme","method":"Create","objects":[{"type":"Row","customerKey":"%[1]s","properties":{"x":"%[2]s"}}],"options":{"conversationId":"%[1]s","sequenceCode":%[3]d,"callsInConversation":%[4]d}}`,
		id, payload, seq, of)
	return callRecord(id, []byte(value), schemas.ContentJSON)
}

func protobufCall(id string, seq, of int, payload string) *kgo.Record {
	value, err := proto.Marshal(&parleyv1.Call{
		Account: "acme",
		Method:  "Create",
		Objects: []*parleyv1.Object{{Type: "Row", CustomerKey: id, Properties: []byte(`{"x":"` + payload + `"}`)}},
		Options: &parleyv1.Options{ConversationId: &id, SequenceCode: proto.Int32(int32(seq)), CallsInConversation: proto.Int32(int32(of))},
	})
	if err != nil {
		panic(err)
	}
	return callRecord(id, value, schemas.ContentProtobuf)
}

func callRecord(id string, value []byte, contentType string) *kgo.Record {
	key := "acme/" + id
	return &kgo.Record{
		Partition: topics.Partition(key, benchPartitions),
		Key:       []byte(key),
		Value:     value,
		Headers:   []kgo.RecordHeader{{Key: schemas.HeaderContentType, Value: []byte(contentType)}},
	}
}

func (f *bench) append(r *kgo.Record) {
	r.Topic = f.topics.Calls
	if err := f.client.ProduceSync(f.Context(), r).FirstErr(); err != nil {
		f.Fatal(err)
	}
}

// load appends conversations of so many parts with 500 bytes of payload that does not compress.
func (f *bench) load(conversations, parts int, form callForm) {
	noise := rand.NewChaCha8([32]byte{1})
	payload := make([]byte, 285) // 380 bytes in base64, and 120 around them
	var failed atomic.Pointer[error]
	for i := range conversations {
		for seq := range parts {
			_, _ = noise.Read(payload) // never fails
			r := form(fmt.Sprintf("order-%d", i), seq+1, parts, base64.StdEncoding.EncodeToString(payload))
			r.Topic = f.topics.Calls
			f.client.Produce(f.Context(), r, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.Store(&err)
				}
			})
		}
	}
	if err := f.client.Flush(f.Context()); err != nil {
		f.Fatal(err)
	}
	if err := failed.Load(); err != nil {
		f.Fatal(*err)
	}
}

// passThrough copies the calls in transactions, as plainly as it can be done, and returns records/s.
func (f *bench) passThrough(n int) float64 {
	to := f.kafka.Prefix + ".passed"
	if _, err := kadm.NewClient(f.client).CreateTopic(f.Context(), benchPartitions, f.kafka.Replicas, nil, to); err != nil {
		f.Fatal(err)
	}
	session, err := kgo.NewGroupTransactSession(
		f.kafka.Seeds(), kgo.ConsumerGroup(f.kafka.Prefix+".pass"), kgo.TransactionalID(f.kafka.Prefix+".pass"), kgo.ConsumeTopics(f.topics.Calls),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		f.Fatal(err)
	}
	defer session.Close()
	var start time.Time
	for passed := 0; passed < n; {
		fetches := session.PollRecords(f.Context(), 4096)
		if start.IsZero() {
			start = time.Now() // joining the group is not what is measured
		}
		if err := session.Begin(); err != nil {
			f.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			passed++
			session.Produce(f.Context(), &kgo.Record{Topic: to, Partition: r.Partition, Key: r.Key, Value: r.Value}, nil)
		})
		if ok, err := session.End(f.Context(), kgo.TryCommit); !ok || err != nil {
			f.Fatal(ok, err)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}

// awaitEvents returns when the results hold n committed records.
func (f *bench) awaitEvents(n int64) {
	reader, err := kgo.NewClient(append(f.client.Opts(), kgo.ConsumeTopics(f.topics.Results), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		f.Fatal(err)
	}
	defer reader.Close()
	for seen := int64(0); seen < n; {
		fetches := reader.PollFetches(f.Context())
		if err := fetches.Err(); err != nil {
			f.Fatal(err)
		}
		seen += int64(fetches.NumRecords())
	}
}
