package processor_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/processor"
	"parley/schemas"
)

// A former owner may commit its last transaction after its partitions were given to another: the offsets in it were
// accepted in time. So the new owner waits for its end.
func TestNewOwnerWaitsForTheLastTransactionOfTheFormer(t *testing.T) {
	t.Parallel()
	former := newCluster(t)
	p, stop := former.start(new(recorder), t.TempDir())
	former.send("acme/c", part("c", 1, 2))
	if !within(20*time.Second, func() bool {
		a, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "c"})
		return err == nil && a.Received == 1
	}) {
		t.Fatal("the first part was not taken")
	}
	stop()

	c := newCluster(t)
	partition := topics.Partition("acme/c", partitions)
	c.sendTo(partition, "", "") // in the place of the first part, whose state is in the transaction that is open
	owner := c.newClient(kgo.TransactionalID("former"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := owner.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, r := range former.state(partition) {
		if err := owner.ProduceSync(t.Context(), &kgo.Record{Topic: c.topics.State, Partition: partition, Key: r.Key, Value: r.Value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var asked atomic.Int32
	c.kafka.Fake().ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.kafka.Fake().KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	p, _ = c.start(new(recorder), t.TempDir())
	if !within(20*time.Second, func() bool { return asked.Load() > 6*partitions }) {
		t.Fatal("the new owner does not look at the changelog")
	}
	if err := owner.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	c.send("acme/c", part("c", 2, 2))
	await(t, p, "c")
	if got, want := calls(c.events(3)), []string{"c-1 OK", "c-2 OK"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// A process that was killed within a transaction does not wait for its timeout when it comes back.
func TestReturningOwnerEndsItsOwnTransaction(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	partition := topics.Partition("acme/c", partitions)
	killed := c.newClient(kgo.TransactionalID(c.groups.processor+"-a"), kgo.TransactionTimeout(time.Minute), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := killed.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := killed.ProduceSync(t.Context(), &kgo.Record{Topic: c.topics.State, Partition: partition, Key: []byte("k"), Value: []byte("undecided")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	p, _ := c.start(new(recorder), t.TempDir())
	c.send("acme/c", part("c", 1, 1))
	await(t, p, "c")
}

// A process that was killed within a transaction, and does not come back, is not waited for: who gets its partitions ends
// it, with the offsets in it.
func TestNewOwnerEndsTheTransactionOfADeadFormer(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	partition := topics.Partition("acme/c", partitions)
	killed := c.newClient(kgo.TransactionalID(c.groups.processor+"-killed"), kgo.TransactionTimeout(time.Minute), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := killed.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := killed.ProduceSync(t.Context(), &kgo.Record{Topic: c.topics.State, Partition: partition, Key: []byte("k"), Value: []byte("undecided")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c.commitOpen(killed, c.groups.processor+"-killed", partition)
	p, _ := c.start(new(recorder), t.TempDir())
	c.send("acme/c", part("c", 1, 1))
	await(t, p, "c")
	if err := killed.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
		t.Error("the former owner commits after the new one has begun")
	}
}

// A process that was killed within a transaction may have reached no more than results, whose readers wait for its end. Who
// gets partitions ends it, as its member is not in the group; that of a member is left alone.
func TestNewOwnerEndsTheTransactionsOfThoseWhoAreGone(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	undecided := func(instance string, topic string) *kgo.Client {
		client := c.newClient(kgo.TransactionalID(c.groups.processor+"-"+instance), kgo.TransactionTimeout(time.Minute), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("undecided")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		return client
	}
	joined := make(chan struct{})
	tell := sync.OnceFunc(func() { close(joined) })
	c.newClient(kgo.ConsumerGroup(c.groups.processor), kgo.InstanceID("member"), kgo.ConsumeTopics(c.topics.Calls), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { tell() }))
	<-joined
	gone, elsewhere, member := undecided("gone", c.topics.Results), undecided("elsewhere", c.topics.Dead), undecided("member", c.topics.Results)
	c.start(new(recorder), t.TempDir(), func(cfg *processor.Config) { cfg.Kafka = append(cfg.Kafka, kgo.InstanceID("a")) })
	if !within(30*time.Second, func() bool { return !c.undecided("gone") }) {
		t.Fatal("the transaction of who is gone is open")
	}
	if err := gone.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
		t.Error("who was gone commits")
	}
	for name, client := range map[string]*kgo.Client{"a member": member, "one of another Parley": elsewhere} {
		if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Errorf("%s does not commit: %v", name, err)
		}
	}
}

// undecided reports whether the transaction of a processor is open.
func (c *cluster) undecided(instance string) bool {
	c.t.Helper()
	open, err := kadm.NewClient(c.client).ListTransactions(c.t.Context(), nil, []string{"Ongoing"})
	if err != nil {
		c.t.Fatal(err)
	}
	_, is := open[c.groups.processor+"-"+instance]
	return is
}

// commitOpen adds an offset of the calls to the transaction that a client has open.
func (c *cluster) commitOpen(client *kgo.Client, txn string, partition int32) {
	c.t.Helper()
	id, epoch, err := client.ProducerID(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = txn, id, epoch, c.groups.processor
	if resp, err := add.RequestWith(c.t.Context(), client); err != nil || resp.ErrorCode != 0 {
		c.t.Fatalf("add offsets: %v, %v", err, resp)
	}
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	listed, err := kadm.NewClient(client).ListTopics(c.t.Context(), c.topics.Calls)
	if err != nil {
		c.t.Fatal(err)
	}
	topic.Topic, topic.TopicID = c.topics.Calls, listed[c.topics.Calls].ID
	at := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	at.Partition = partition
	topic.Partitions = append(topic.Partitions, at)
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = txn, id, epoch, c.groups.processor
	commit.Topics = append(commit.Topics, topic)
	resp, err := commit.RequestWith(c.t.Context(), client)
	if err != nil || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		c.t.Fatalf("commit offsets: %v, %v", err, resp)
	}
}

// state returns what a partition of the changelog has.
func (c *cluster) state(partition int32) []*kgo.Record {
	c.t.Helper()
	client := c.newClient(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.topics.State: {partition: kgo.NewOffset().AtStart()}}))
	ctx, cancel := context.WithTimeout(c.t.Context(), testkit.Patience)
	defer cancel()
	fetches := client.PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		c.t.Fatal(err)
	}
	return fetches.Records()
}
