package processor_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// noop is an executor that says OK at once.
type noop struct{}

func (noop) Execute(_ context.Context, _ *route.Route, req executor.Request) conversation.Outcome {
	return conversation.Outcome{Results: make([]conversation.ObjectOutcome, len(req.Call.Objects))}
}

// BenchmarkProcessor measures calls per second from the log to the results, against a raw exactly-once pass-through
// of the same records on the same broker, which has a process of its own. ×raw is the ratio of the two.
func BenchmarkProcessor(b *testing.B) {
	for _, parts := range []int{1, 3} {
		b.Run(fmt.Sprintf("%d-call", parts), func(b *testing.B) { benchmarkProcessor(b, parts) })
	}
}

func benchmarkProcessor(b *testing.B, parts int) {
	seeds := testkit.Broker(b)
	t := schemas.TopicsOf("bench")
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	layout := topics.Layout{Partitions: 8, ResultPartitions: 8}
	if _, err := topics.Ensure(b.Context(), client, topics.Spec{Topics: t, Layout: layout, Replication: 1}); err != nil {
		b.Fatal(err)
	}
	calls := max(parts, b.N-b.N%parts)
	load(b, client, t.Calls, calls/parts, parts)

	raw := passThrough(b, seeds, t.Calls, calls)
	p, err := processor.New(processor.Config{
		Kafka: []kgo.Opt{kgo.SeedBrokers(seeds)}, Topics: t, Partitions: 8, ResultPartitions: 8,
		Group: "bench", Instance: "a", SinkGroup: "sink", StoreDir: b.TempDir(),
		Routes: route.NewCurrent(route.Default("http://127.0.0.1:1/")), Executor: noop{}, Limits: schemas.DefaultLimits(),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	b.ReportAllocs()
	b.ResetTimer()
	start := time.Now()
	go func() { done <- p.Run(ctx) }()
	awaitEvents(b, client, t.Results, int64(calls+calls/parts))
	took := time.Since(start)
	b.StopTimer()
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	rate := float64(calls) / took.Seconds()
	b.ReportMetric(rate, "calls/s")
	b.ReportMetric(raw, "raw/s")
	b.ReportMetric(rate/raw, "×raw")
}

// load appends conversations of so many parts with 500 bytes of payload that does not compress.
func load(b *testing.B, client *kgo.Client, topic string, conversations, parts int) {
	noise := rand.NewChaCha8([32]byte{1})
	payload := make([]byte, 285) // 380 bytes in base64, and 120 of JSON around them
	var failed atomic.Pointer[error]
	for i := range conversations {
		id := fmt.Sprintf("order-%d", i)
		key := "acme/" + id
		for seq := range parts {
			_, _ = noise.Read(payload) // never fails
			value := fmt.Sprintf(`{"account":"acme","method":"Create","objects":[{"type":"Row","customerKey":"%[1]s","properties":{"x":"%[2]s"}}],"options":{"conversationId":"%[1]s","sequenceCode":%[3]d,"callsInConversation":%[4]d}}`,
				id, base64.StdEncoding.EncodeToString(payload), seq+1, parts)
			r := &kgo.Record{Topic: topic, Partition: topics.Partition(key, 8), Key: []byte(key), Value: []byte(value)}
			client.Produce(b.Context(), r, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.Store(&err)
				}
			})
		}
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
}

// passThrough copies the records of a topic in transactions, as plainly as it can be done, and returns records/s.
func passThrough(b *testing.B, seeds, from string, n int) float64 {
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	to := "passed"
	if _, err := kadm.NewClient(client).CreateTopic(b.Context(), 8, 1, nil, to); err != nil {
		b.Fatal(err)
	}
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(seeds), kgo.ConsumerGroup("pass"), kgo.TransactionalID("pass"), kgo.ConsumeTopics(from),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	var start time.Time
	for passed := 0; passed < n; {
		fetches := session.PollRecords(b.Context(), 4096)
		if start.IsZero() {
			start = time.Now() // joining the group is not what is measured
		}
		if err := session.Begin(); err != nil {
			b.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			passed++
			session.Produce(b.Context(), &kgo.Record{Topic: to, Partition: r.Partition, Key: r.Key, Value: r.Value}, nil)
		})
		if ok, err := session.End(b.Context(), kgo.TryCommit); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}

// awaitEvents returns when a topic holds n committed records.
func awaitEvents(b *testing.B, client *kgo.Client, topic string, n int64) {
	reader, err := kgo.NewClient(append(client.Opts(), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		b.Fatal(err)
	}
	defer reader.Close()
	for seen := int64(0); seen < n; {
		fetches := reader.PollFetches(b.Context())
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		seen += int64(fetches.NumRecords())
	}
}
