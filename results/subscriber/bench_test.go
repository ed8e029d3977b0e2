package subscriber

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/control"
	"parley/internal/testkit"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// anEvent is a call of one object, as most are.
func anEvent(b *testing.B) []byte {
	b.Helper()
	value, err := proto.Marshal(&parleyv1.ResultEvent{Account: "acme", Partition: 1, Sequence: 1041, Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{
		RequestId: "018f4c1e-7c1a-7b5e-9d55-0242ac120002", ConversationId: "order-1234", SequenceCode: 1, CallsInConversation: 3, Method: "Create",
		Status: string(schemas.OK), Attempts: 1, AcceptedAtMs: 1_796_112_000_000, StartedAtMs: 1_796_112_000_010, CompletedAtMs: 1_796_112_000_020,
		Results: []*parleyv1.ObjectResult{{CorrelationId: "a", ObjectType: "DataExtensionObject", CustomerKey: "row-1", Status: string(schemas.OK)}},
		Digest:  make([]byte, 32), Route: "crm",
	}}})
	if err != nil {
		b.Fatal(err)
	}
	return value
}

// pour appends events to a partition, in batches as the fan-out makes them.
func (c *cluster) pour(b *testing.B, topic string, count int) {
	b.Helper()
	client, err := kgo.NewClient(append(c.options(), kgo.ProducerBatchMaxBytes(batchBytesMax))...)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	value := anEvent(b)
	var first kgo.FirstErrPromise
	for range count {
		client.Produce(b.Context(), &kgo.Record{Topic: topic, Value: value, Headers: []kgo.RecordHeader{
			{Key: schemas.HeaderType, Value: []byte(schemas.EventCallCompleted)}, {Key: schemas.HeaderAccount, Value: []byte("acme")},
		}}, first.Promise())
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := first.Err(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDequeue drains a queue, each block acknowledged by the next dequeue, with blocks of dequeue and of dequeue2; and, on
// the same broker and the same records, a franz-go consumer that does nothing but poll, and one that commits its offset
// for every block.
//
//	go test ./results/subscriber -run - -bench Dequeue -benchtime 3x
func BenchmarkDequeue(b *testing.B) {
	const count = 100_000
	c := startCluster(b)
	q := c.queues(b, "front")
	id := subscribe(b, q, "acme")
	c.pour(b, c.Topics.Subscriber(id), count)
	for name, asked := range map[string]schemas.DequeueQuery{
		"blocks of 64 KiB": {CountMax: schemas.BlockCountMax, BytesMax: schemas.BlockBytesMax},
		"blocks of 1 MiB":  {CountMax: 99_999, BytesMax: 1 << 20, Large: true},
	} {
		b.Run(name, func(b *testing.B) {
			began := testkit.ProcessorTime(b)
			for b.Loop() {
				// A process with other positions begins at the beginning again.
				drained := NewQueues(QueuesConfig{Client: q.cfg.Client, Spec: c.spec, Control: &fresh{Control: q.cfg.Control}})
				asked.Account, asked.Subscriber, asked.Acknowledge, asked.Encode = "acme", id, 0, (*schemas.Transaction).Encode
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
		})
	}
	for name, every := range map[string]int{"a consumer": 0, "a consumer, a commit for each 64 KiB": 120} {
		b.Run(name, func(b *testing.B) {
			began := testkit.ProcessorTime(b)
			for b.Loop() {
				c.consume(b, c.Topics.Subscriber(id), count, every)
			}
			report(b, count*b.N, began)
		})
	}
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
				c.pour(b, c.Topics.Results, count)
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
