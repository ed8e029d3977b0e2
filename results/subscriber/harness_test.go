package subscriber

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"parley/internal/control"
	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

func TestMain(m *testing.M) {
	if run := os.Getenv(memberEnv); run != "" {
		os.Exit(memberMain(run))
	}
	goleak.VerifyTestMain(m)
}

const (
	patience   = testkit.Patience
	partitions = 2
)

// cluster is a Kafka with the topics of Parley.
type cluster struct {
	*testkit.Kafka
	client *kgo.Client
	spec   topics.Spec
	// sequences are those of the last event of each partition.
	sequences [partitions]int64
}

func startCluster(t testing.TB) *cluster {
	t.Helper()
	k := testkit.StartKafka(t, kfake.BrokerConfigs(map[string]string{"group.min.session.timeout.ms": "100"}))
	c := &cluster{Kafka: k, spec: topics.Spec{
		Topics: k.Topics, Layout: topics.Layout{Partitions: partitions, ResultPartitions: partitions}, Replication: testkit.Replicas(k.Brokers),
	}}
	c.client = c.connect(t)
	if _, err := topics.Ensure(t.Context(), c.client, c.spec); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) options() []kgo.Opt {
	return []kgo.Opt{c.Seeds(), kgo.RecordPartitioner(kgo.ManualPartitioner())}
}

func (c *cluster) connect(t testing.TB) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(c.options()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// follow returns what a process of that name hears of the control topic.
func (c *cluster) follow(t testing.TB, instance string) *control.Control {
	t.Helper()
	opening, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	heard, err := control.Open(opening, control.Config{
		Kafka: []kgo.Opt{c.Seeds()}, Topic: c.Topics.Control, Instance: instance, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	var r sync.WaitGroup
	r.Go(func() {
		if err := heard.Run(running); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		r.Wait()
		heard.Close()
	})
	return heard
}

// queues are those of a node of that name.
func (c *cluster) queues(t testing.TB, instance string) *Queues {
	t.Helper()
	return NewQueues(QueuesConfig{Client: c.connect(t), Spec: c.spec, Control: c.follow(t, instance)})
}

func fanoutConfig(brokers []string, prefix string, c Control, instance string) FanoutConfig {
	return FanoutConfig{
		Client:             []kgo.Opt{kgo.SeedBrokers(brokers...), kgo.InstanceID(instance), kgo.SessionTimeout(session), kgo.HeartbeatInterval(session / 10), kgo.RebalanceTimeout(5 * session)},
		Topics:             schemas.TopicsOf(prefix),
		Group:              prefix + ".subscribers",
		TransactionalID:    prefix + ".subscribers-" + instance,
		TransactionTimeout: session,
		Control:            c,
		CommitEvery:        5 * time.Millisecond,
		TendEvery:          20 * time.Millisecond,
		DropAfter:          time.Millisecond,
		Log:                slog.Default(),
	}
}

// session is after how long a member that is gone has lost its partitions: as little as the brokers allow.
var session = func() time.Duration {
	if len(testkit.GivenBrokers()) > 0 {
		return 6 * time.Second
	}
	return 2 * time.Second
}()

// fan starts a member of the fan-out, which ends with the test.
func (c *cluster) fan(t testing.TB, instance string, changes ...func(*FanoutConfig)) {
	t.Helper()
	cfg := fanoutConfig(c.Brokers, c.Prefix, c.follow(t, instance), instance)
	for _, change := range changes {
		change(&cfg)
	}
	f, err := NewFanout(cfg)
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	var r sync.WaitGroup
	r.Go(func() {
		if err := f.Run(running); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		r.Wait()
	})
}

// end writes the events of calls of an account that end, one after the other.
func (c *cluster) end(t testing.TB, account string, objectTypes ...string) {
	t.Helper()
	for _, o := range objectTypes {
		c.write(t, schemas.EventCallCompleted, &parleyv1.ResultEvent{Account: account, Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{
			RequestId: fmt.Sprintf("018f4c1e-7c1a-7b5e-9d55-%012d", c.sequences[0]+c.sequences[1]), SequenceCode: 1, CallsInConversation: 1,
			Status: string(schemas.OK), CompletedAtMs: 1_796_112_000_000,
			Results: []*parleyv1.ObjectResult{{ObjectType: o, CorrelationId: "a", Status: string(schemas.OK)}},
		}}})
	}
}

// write appends an event to the partitions of the results in turn.
func (c *cluster) write(t testing.TB, kind string, e *parleyv1.ResultEvent) {
	t.Helper()
	e.Partition = int32((c.sequences[0] + c.sequences[1]) % partitions)
	c.sequences[e.Partition]++
	e.Sequence = c.sequences[e.Partition]
	value, err := proto.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	r := &kgo.Record{Topic: c.Topics.Results, Partition: e.Partition, Value: value, Headers: []kgo.RecordHeader{
		{Key: schemas.HeaderType, Value: []byte(kind)}, {Key: schemas.HeaderAccount, Value: []byte(e.Account)},
	}}
	if err := c.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// subscribe makes a subscriber.
func subscribe(t testing.TB, q *Queues, account string, objectTypes ...string) schemas.SubscriberID {
	t.Helper()
	return subscribeTo(t, q, account, schemas.Subscriber{TransactionTypes: schemas.TransactionTypes(), ObjectTypes: objectTypes})
}

func subscribeTo(t testing.TB, q *Queues, account string, want schemas.Subscriber) schemas.SubscriberID {
	t.Helper()
	want.Name = "a reader"
	if want.MaxBlockCount == 0 {
		want.MaxBlockCount = schemas.BlockCountMax
	}
	want.WarnDepth, want.FullDepth = schemas.DefaultWarnDepth, schemas.DefaultFullDepth
	s, err := q.Create(t.Context(), account, "test", want)
	if err != nil {
		t.Fatal(err)
	}
	return s.SubscriberID
}

// reader dequeues as a subscriber does.
type reader struct {
	queues  *Queues
	account string
	id      schemas.SubscriberID
}

// ask is a dequeue of so many that acknowledges an id.
func (r reader) ask(t testing.TB, count int, id int64) (block schemas.Block, sequences []string) {
	t.Helper()
	b, err := r.queues.Dequeue(t.Context(), schemas.DequeueQuery{
		Account: r.account, Subscriber: r.id, Acknowledge: id, CountMax: count, BytesMax: schemas.BlockBytesMax,
		Append: func(q schemas.QueuedTransaction, to []byte, id int64) ([]byte, error) {
			tr, err := q.Transaction(id)
			if err != nil {
				return nil, err
			}
			sequences = append(sequences, tr.Sequence)
			return q.AppendJSON(to, id)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, sequences[:len(b.Transactions)]
}

// drain takes everything, block by block, and acknowledges it, until it has so many.
func (r reader) drain(t testing.TB, count, want int) (sequences []string) {
	t.Helper()
	last := int64(0)
	for deadline := time.Now().Add(patience); len(sequences) < want; {
		b, got := r.ask(t, count, last)
		sequences = append(sequences, got...)
		if last = max(last, b.LastTransactionID); len(got) == 0 {
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d transactions within %s", len(sequences), want, patience)
			}
			<-time.After(2 * time.Millisecond)
		}
	}
	r.ask(t, 0, last)
	return sequences
}

// once fails the test unless every event up to the last of each partition is there, once.
func (c *cluster) once(t testing.TB, sequences []string) {
	t.Helper()
	var want []string
	for p, last := range c.sequences {
		for s := range last {
			want = append(want, schemas.SequenceText(int32(p), s+1))
		}
	}
	got := slices.Sorted(slices.Values(sequences))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d transactions, of which %d are different; want %d", len(got), len(slices.Compact(slices.Clone(got))), len(want))
	}
}
