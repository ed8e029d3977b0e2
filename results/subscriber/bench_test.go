package subscriber

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/control"
	"parley/internal/testkit"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// anEvent is a call of one object, as most are. Each is another.
func anEvent(i int) *parleyv1.ResultEvent {
	at := 1_796_112_000_000 + int64(i)
	return &parleyv1.ResultEvent{Account: "acme", Partition: 1, Sequence: int64(i + 1), Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{
		RequestId: uuid.NewString(), ConversationId: fmt.Sprint("order-", i/3), SequenceCode: int32(i%3 + 1), CallsInConversation: 3, Method: "Create",
		Status: string(schemas.OK), Attempts: 1, AcceptedAtMs: at, StartedAtMs: at + 10, CompletedAtMs: at + 20,
		Results: []*parleyv1.ObjectResult{{CorrelationId: "a", ObjectType: "DataExtensionObject", CustomerKey: fmt.Sprint("row-", i), Status: string(schemas.OK)}},
		Digest:  make([]byte, 32), Route: "crm",
	}}}
}

// anEventRecord is one as parley.results has it.
func anEventRecord(b *testing.B, i int) *kgo.Record {
	b.Helper()
	value, err := proto.Marshal(anEvent(i))
	if err != nil {
		b.Fatal(err)
	}
	return &kgo.Record{Value: value, Headers: []kgo.RecordHeader{
		{Key: schemas.HeaderType, Value: []byte(schemas.EventCallCompleted)}, {Key: schemas.HeaderAccount, Value: []byte("acme")},
	}}
}

// aQueuedRecord is one as a queue has it.
func aQueuedRecord(b *testing.B, i int) *kgo.Record {
	b.Helper()
	value, err := transactionOf(event{kind: schemas.EventCallCompleted, body: anEvent(i)})
	if err != nil {
		b.Fatal(err)
	}
	return &kgo.Record{Value: value}
}

// records are so many of them.
func records(b *testing.B, count int, one func(*testing.B, int) *kgo.Record) []*kgo.Record {
	b.Helper()
	all := make([]*kgo.Record, count)
	for i := range all {
		all[i] = one(b, i)
	}
	return all
}

// pour appends records to the first partition of a topic, in batches as the fan-out makes them.
func (c *cluster) pour(b *testing.B, topic string, all []*kgo.Record) {
	b.Helper()
	client, err := kgo.NewClient(append(c.options(), kgo.ProducerBatchMaxBytes(batchBytesMax))...)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	var first kgo.FirstErrPromise
	for _, r := range all {
		client.Produce(b.Context(), &kgo.Record{Topic: topic, Value: r.Value, Headers: r.Headers}, first.Promise())
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := first.Err(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDequeue drains a queue, each block acknowledged by the next dequeue, with blocks of dequeue and of dequeue2; and, on
// the same broker, franz-go consumers that decode nothing: one that does nothing but poll the queue, those that commit their
// offset for each block, as a dequeue does, and one that polls as many events as parley.results has them, which are shorter.
//
//	go test ./results/subscriber -run - -bench Dequeue -benchtime 5x
func BenchmarkDequeue(b *testing.B) {
	const count = 100_000
	c := startCluster(b)
	q := c.queues(b, "front")
	id := subscribe(b, q, "acme")
	queue := c.Topics.Subscriber(id)
	c.pour(b, queue, records(b, count, aQueuedRecord))
	c.pour(b, c.Topics.Results, records(b, count, anEventRecord))
	drain := func(asked schemas.DequeueQuery) func(*testing.B) {
		return func(b *testing.B) {
			began := testkit.ProcessorTime(b)
			for b.Loop() {
				// A process with other positions begins at the beginning again.
				drained := NewQueues(QueuesConfig{Client: q.cfg.Client, Spec: c.spec, Control: &fresh{Control: q.cfg.Control}})
				asked.Account, asked.Subscriber, asked.Acknowledge, asked.Append = "acme", id, 0, schemas.QueuedTransaction.AppendJSON
				for got := 0; got < count; {
					block, err := drained.Dequeue(b.Context(), asked)
					if err != nil {
						b.Fatal(err)
					}
					got += len(block.Transactions)
					asked.Acknowledge = block.LastTransactionID
				}
			}
			report(b, count*b.N, began)
		}
	}
	consume := func(topic string, every int) func(*testing.B) {
		return func(b *testing.B) {
			began := testkit.ProcessorTime(b)
			for b.Loop() {
				c.consume(b, topic, count, every)
			}
			report(b, count*b.N, began)
		}
	}
	length := len(aQueuedRecord(b, count).Value)
	b.Run("blocks of 64 KiB", drain(schemas.DequeueQuery{CountMax: schemas.BlockCountMax, BytesMax: schemas.BlockBytesMax}))
	b.Run("a consumer, a commit for each 64 KiB", consume(queue, schemas.BlockBytesMax/length))
	b.Run("blocks of 1 MiB", drain(schemas.DequeueQuery{CountMax: 99_999, BytesMax: 1 << 20, Large: true}))
	b.Run("a consumer, a commit for each 1 MiB", consume(queue, 1<<20/length))
	b.Run("a consumer", consume(queue, 0))
	b.Run("a consumer of events", consume(c.Topics.Results, 0))
}

// report says how many there were in a second, and what one took of a processor.
func report(b *testing.B, count int, began time.Duration) {
	b.Helper()
	b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "each/s")
	b.ReportMetric(float64((testkit.ProcessorTime(b)-began).Nanoseconds())/float64(count), "cpu-ns/each")
}

// fresh is a Control of which the positions are its own; those that are said it has written all the same.
type fresh struct {
	Control
	at control.Queue
}

func (f *fresh) Queue(id schemas.SubscriberID) control.Queue {
	f.at.Subscriber = id
	return f.at
}

func (f *fresh) AdvanceQueue(ctx context.Context, q control.Queue) error {
	f.at = q
	q.HandedOut += time.Now().UnixNano() // never known before
	return f.Control.AdvanceQueue(ctx, q)
}

// consume reads a topic as a member of a group, and commits for every so many records; zero: never.
func (c *cluster) consume(b *testing.B, topic string, count, every int) {
	b.Helper()
	client, err := kgo.NewClient(append(c.options(), kgo.ConsumerGroup(fmt.Sprint("g", time.Now().UnixNano())), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for got := 0; got < count; {
		limit := count
		if every > 0 {
			limit = every
		}
		fetches := client.PollRecords(b.Context(), limit)
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		got += fetches.NumRecords()
		if every > 0 {
			if err := client.CommitRecords(b.Context(), fetches.Records()...); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkFanout puts events into the queues of so many subscribers who want all of them.
//
//	go test ./results/subscriber -run - -bench Fanout -benchtime 1x
func BenchmarkFanout(b *testing.B) {
	const count = 50_000
	events := records(b, count, anEventRecord)
	for _, subscribers := range []int{0, 1, 4, 16} {
		b.Run(fmt.Sprint(subscribers, " subscribers"), func(b *testing.B) {
			c := startCluster(b)
			q := c.queues(b, "front")
			var last schemas.SubscriberID
			for range subscribers {
				last = subscribe(b, q, "acme")
			}
			done := 0
			began := testkit.ProcessorTime(b)
			c.fan(b, "a", func(f *FanoutConfig) { f.TendEvery = time.Hour })
			for b.Loop() {
				c.pour(b, c.Topics.Results, events)
				done += count
				if subscribers == 0 {
					c.committed(b, int64(done))
					continue
				}
				await(b, "all are queued", func() bool {
					_, end, err := q.fetch.bounds(b.Context(), c.Topics.Subscriber(last))
					return err == nil && end >= int64(done)
				})
			}
			report(b, done, began)
		})
	}
}

// committed waits until the fan-out has read so many events of the first partition.
func (c *cluster) committed(b *testing.B, want int64) {
	b.Helper()
	admin := kadm.NewClient(c.client)
	await(b, "all are read", func() bool {
		offsets, err := admin.FetchOffsets(b.Context(), c.Prefix+".subscribers")
		o, _ := offsets.Lookup(c.Topics.Results, 0)
		return err == nil && o.At >= want
	})
}
