package processor_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/internal/testkit"
	"parley/internal/token"
	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

func TestMain(m *testing.M) {
	testkit.BrokerMain()
	goleak.VerifyTestMain(m)
}

const partitions = 4

// cluster is a broker with Parley's topics and a client that produces calls.
type cluster struct {
	t      *testing.T
	kafka  *testkit.Kafka
	client *kgo.Client
	seeds  []string
	topics schemas.Topics
	groups groups
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	k := testkit.StartKafka(t)
	c := &cluster{t: t, kafka: k, seeds: k.Brokers, topics: k.Topics, groups: groupsOf(k.Prefix)}
	c.ensure()
	return c
}

// ensure makes the client and the topics.
func (c *cluster) ensure() {
	c.t.Helper()
	c.client = c.newClient(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	layout := topics.Layout{Partitions: partitions, ResultPartitions: 2}
	if _, err := topics.Ensure(c.t.Context(), c.client, topics.Spec{Topics: c.topics, Layout: layout, Replication: testkit.Replicas(c.seeds)}); err != nil {
		c.t.Fatal(err)
	}
}

// groups are the consumer groups of a cluster.
type groups struct{ processor, sink string }

func groupsOf(prefix string) groups {
	return groups{processor: prefix + ".processor", sink: prefix + ".sink"}
}

func (c *cluster) newClient(opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.seeds...))...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(client.Close)
	return client
}

// send appends a call, given as JSON, to the partition that it belongs to.
func (c *cluster) send(key, value string) {
	c.t.Helper()
	c.sendTo(topics.Partition(key, partitions), key, value)
}

func (c *cluster) sendTo(partition int32, key, value string) {
	c.t.Helper()
	r := &kgo.Record{Topic: c.topics.Calls, Partition: partition, Key: []byte(key), Value: []byte(value)}
	if err := c.client.ProduceSync(c.t.Context(), r).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

// part is a call of a conversation with one object; its correlationId is the part's name.
func part(conversation string, seq, of int) string {
	return fmt.Sprintf(`{"account":"acme","method":"Create","objects":[{"type":"Row","correlationId":"%s-%d"}],
		"options":{"conversationId":%q,"sequenceCode":%d,"callsInConversation":%d}}`, conversation, seq, conversation, seq, of)
}

// recorder is an executor that answers as it is told and remembers what it carried out.
type recorder struct {
	mu     sync.Mutex
	calls  []string
	answer func(executor.Request) conversation.Outcome
}

func (r *recorder) Execute(_ context.Context, _ *route.Route, req executor.Request) conversation.Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, req.Call.Objects[0].CorrelationId)
	if r.answer != nil {
		return r.answer(req)
	}
	return conversation.Outcome{Results: make([]conversation.ObjectOutcome, len(req.Call.Objects))}
}

func (r *recorder) executed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// start runs a processor until the test, or stop, ends it.
func (c *cluster) start(x processor.Executor, dir string, adjust ...func(*processor.Config)) (*processor.Processor, func()) {
	c.t.Helper()
	cfg := processor.Config{
		Kafka:            []kgo.Opt{kgo.SeedBrokers(c.seeds...)},
		Topics:           c.topics,
		Partitions:       partitions,
		ResultPartitions: 2,
		Group:            c.groups.processor,
		Instance:         "a",
		SinkGroup:        c.groups.sink,
		StoreDir:         dir,
		Routes:           route.NewCurrent(route.Default("http://127.0.0.1:1/calls")),
		Executor:         x,
		Tokens:           signer(c.t),
		Limits:           schemas.DefaultLimits(),
	}
	for _, f := range adjust {
		f(&cfg)
	}
	p, err := processor.New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Errorf("processor: %v", err)
		}
	})
	c.t.Cleanup(stop)
	return p, stop
}

// signer makes the tokens of the tests.
func signer(t testing.TB) *token.Signer {
	t.Helper()
	s, err := token.NewSigner([]byte("a secret"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// events reads n events of the results, or as many as come before the test's time is up.
func (c *cluster) events(n int) []*parleyv1.ResultEvent {
	c.t.Helper()
	client := c.newClient(kgo.ConsumeTopics(c.topics.Results), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	var out []*parleyv1.ResultEvent
	for len(out) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			c.t.Fatalf("after %d of %d events: %v", len(out), n, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			e := new(parleyv1.ResultEvent)
			if err := proto.Unmarshal(r.Value, e); err != nil {
				c.t.Fatal(err)
			}
			out = append(out, e)
		})
	}
	return out
}

// patience bounds the wait for an end that must come: a conversation of many parts is as many transactions.
const patience = 3 * time.Minute

// await polls a conversation until it has ended.
func await(t *testing.T, p *processor.Processor, id string) schemas.ConversationResource {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	q := schemas.ConversationQuery{Account: "acme", ID: id, Wait: 20 * time.Second}
	again := time.NewTicker(10 * time.Millisecond) // until the partition is owned
	defer again.Stop()
	for {
		r, err := p.Conversation(ctx, q)
		if err == nil && r.Status.Final() {
			return r
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("conversation %s: %+v, %v", id, r, err)
		}
	}
}

func TestPartsRunInSequenceWhateverTheirArrival(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := new(recorder)
	p, _ := c.start(x, t.TempDir())
	for _, seq := range []int{3, 1, 2} {
		c.send("acme/order", part("order", seq, 3))
	}
	r := await(t, p, "order")
	if r.Status != schemas.ConversationComplete || r.Processed != 3 || len(r.Calls) != 3 {
		t.Errorf("conversation: %+v, want Complete with 3 calls", r)
	}
	if got, want := x.executed(), []string{"order-1", "order-2", "order-3"}; !slices.Equal(got, want) {
		t.Errorf("executed %v, want %v", got, want)
	}
	for i, e := range c.events(4) {
		if e.Sequence != int64(i+1) {
			t.Errorf("event %d has sequence %d, want %d", i, e.Sequence, i+1)
		}
	}
}

func TestSingleCallIsPolledUnderItsRequestID(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.start(new(recorder), t.TempDir())
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120002")
	c.send("acme/"+id.String(), fmt.Sprintf(`{"account":"acme","requestId":%q,"method":"Create","objects":[{"type":"Row"}]}`, id))
	await(t, p, id.String())
	r, err := p.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: id})
	if err != nil || r.Status != schemas.OK || r.ConversationID != "" || r.Attempts != 1 {
		t.Errorf("request: %+v, %v, want OK after one attempt, no conversation", r, err)
	}
	if _, err := p.Request(t.Context(), schemas.RequestQuery{Account: "other", ID: id}); err == nil {
		t.Error("another account sees the call")
	}
}
