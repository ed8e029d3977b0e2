package sink

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

var kafkaTopics = schemas.TopicsOf("parley")

// broker is a Kafka of one test.
type broker struct {
	*kfake.Cluster
	t testing.TB
	// reach is how a client reaches it, beside its address.
	reach  []kgo.Opt
	events []*parleyv1.ResultEvent // committed, in the order in which they were produced
	next   map[int32]int64
}

func newBroker(t testing.TB, partitions int32) *broker {
	t.Helper()
	return newBrokerOn(t, partitions)
}

// newBubbleBroker returns a Kafka on a network in memory, for a bubble of synctest.
func newBubbleBroker(t testing.TB, partitions int32) *broker {
	t.Helper()
	network := &kfake.VirtualNetwork{}
	b := newBrokerOn(t, partitions, kfake.Ports(9092), kfake.ListenFn(network.Listen))
	b.reach = []kgo.Opt{kgo.Dialer(network.DialContext)}
	return b
}

// newProcessBroker returns a Kafka whose members are processes that are killed: it notices soon.
func newProcessBroker(t testing.TB, partitions int32) *broker {
	t.Helper()
	return newBrokerOn(t, partitions, kfake.GroupMinSessionTimeout(processSession))
}

func newBrokerOn(t testing.TB, partitions int32, opts ...kfake.Opt) *broker {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1), kfake.SeedTopics(partitions, kafkaTopics.Results), kfake.SeedTopics(1, kafkaTopics.Dead))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &broker{Cluster: c, t: t, next: map[int32]int64{}}
}

func (b *broker) client(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	c, err := kgo.NewClient(append(opts, b.options()...)...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	return c
}

func (b *broker) options() []kgo.Opt {
	return append(slices.Clip(b.reach), kgo.SeedBrokers(b.ListenAddrs()...))
}

// produce appends events in committed transactions, with an aborted one before each: so the offsets have holes, and
// records that nobody may see.
func (b *broker) produce(partition int32, calls int) {
	b.t.Helper()
	c := b.client(kgo.TransactionalID(uuid.NewString()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for from := 0; from < calls; from += 10 {
		lost := &parleyv1.ResultEvent{Account: "aborted", Partition: partition, Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{}}}
		b.transact(c, kgo.TryAbort, b.record(lost))
		var records []*kgo.Record
		for range min(10, calls-from) {
			for _, e := range b.makeEvents(partition) {
				b.events = append(b.events, e)
				records = append(records, b.record(e))
			}
		}
		b.transact(c, kgo.TryCommit, records...)
	}
}

func (b *broker) transact(c *kgo.Client, end kgo.TransactionEndTry, records ...*kgo.Record) {
	b.t.Helper()
	ctx := context.Background()
	if err := c.BeginTransaction(); err != nil {
		b.t.Fatal(err)
	}
	if err := c.ProduceSync(ctx, records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
	if err := c.EndTransaction(ctx, end); err != nil {
		b.t.Fatal(err)
	}
}

func (b *broker) record(e *parleyv1.ResultEvent) *kgo.Record {
	b.t.Helper()
	value, err := proto.Marshal(e)
	if err != nil {
		b.t.Fatal(err)
	}
	return &kgo.Record{Topic: kafkaTopics.Results, Partition: e.Partition, Value: value}
}

// end is the offset behind the last record of a partition; the marker of its transaction follows.
func (b *broker) end(partition int32) int64 {
	return b.PartitionInfo(kafkaTopics.Results, partition).HighWatermark - 1
}

// makeEvents returns the events of a conversation of one call, of whose end somebody was told: every third has no
// ConversationID, every fifth fails.
func (b *broker) makeEvents(partition int32) []*parleyv1.ResultEvent {
	n := b.next[partition]/3 + 1
	b.next[partition] += 3
	id := schemas.LogRequestID("acc", partition, n)
	at := time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC).UnixMilli() + 100*n // a month ends within 10 calls
	call := &parleyv1.CallEvent{
		RequestId: id.String(), ConversationId: fmt.Sprintf("order-%d-%d", partition, n), SequenceCode: 1, CallsInConversation: 1,
		Method: "Perform", Action: "start", Status: "OK", Attempts: 1, AcceptedAtMs: at, StartedAtMs: at + 1, CompletedAtMs: at + 2,
		Digest: id[:], Route: "crm", TraceId: id[:], Content: uint64(n),
	}
	end := &parleyv1.ConversationEvent{
		ConversationId: call.ConversationId, Status: "Complete", CallsInConversation: 1, Received: 1, Processed: 1,
		AcceptedAtMs: at, StartedAtMs: at + 1, CompletedAtMs: at + 2,
	}
	told := &parleyv1.DeliveryEvent{
		ConversationId: call.ConversationId, About: 3*n - 1, Type: "conversation.completed", ResponseType: "HTTPPost",
		ResponseAddress: "https://example.com/hook", Status: "Delivered", Attempts: 2, BegunAtMs: at + 2, CompletedAtMs: at + 5,
	}
	if n%3 == 0 {
		call.ConversationId, end.ConversationId, end.RequestId = "", "", call.RequestId
		told.ConversationId, told.RequestId = "", call.RequestId
	}
	if n%5 == 0 {
		call.Status, call.ErrorCode, call.Message, call.StartedAtMs = "Error", "CallFailed", "no", 0
		told.Type, told.Status, told.ErrorCode, told.Message = "conversation.failed", "Undelivered", "Timeout", "no answer"
		end.Status, end.ErrorCode, end.Message, end.Errors, end.StartedAtMs = "Error", "CallFailed", "no", 1, 0
	}
	for o := range n%3 + 1 {
		call.Results = append(call.Results, &parleyv1.ObjectResult{
			CorrelationId: fmt.Sprint(o), ObjectType: "Row", CustomerKey: fmt.Sprintf("key-%d", n),
			Status: call.Status, ErrorCode: call.ErrorCode, Message: call.Message, Subject: uint64(o),
		})
	}
	return []*parleyv1.ResultEvent{
		{Account: "acc", Partition: partition, Sequence: 3*n - 2, Event: &parleyv1.ResultEvent_Call{Call: call}},
		{Account: "acc", Partition: partition, Sequence: 3*n - 1, Event: &parleyv1.ResultEvent_Conversation{Conversation: end}},
		{Account: "acc", Partition: partition, Sequence: 3 * n, Event: &parleyv1.ResultEvent_Delivery{Delivery: told}},
	}
}

// config is that of a sink at work on the broker, with small blocks.
func (b *broker) config(dsn string) Config {
	return Config{
		Client:       b.options(),
		DSN:          dsn,
		BlockRowsMax: 25,
		BlockWait:    20 * time.Millisecond,
		RetryMax:     100 * time.Millisecond,
		Log:          slog.New(slog.DiscardHandler),
	}
}
