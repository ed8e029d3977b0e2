package replies

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/route"
	"parley/internal/testkit"
	"parley/schemas"
)

// cluster is a broker with Parley's topics, and a client that writes replies and reads what they become.
type cluster struct {
	t      *testing.T
	kafka  *kfake.Cluster
	client *kgo.Client
	routes *route.Current
	// metrics are those of the reader that was started last.
	metrics *prometheus.Registry
	// seen is what was read of parley.calls and parley.dead.
	seen []*kgo.Record
}

func newCluster(t *testing.T, routes string) *cluster {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "parley.calls"), kfake.SeedTopics(1, "parley.dead"), kfake.SeedTopics(2, "done"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...), kgo.ConsumeTopics("parley.calls", "parley.dead"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond), kgo.ProducerBatchMaxBytes(16<<20))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &cluster{t: t, kafka: k, client: client, routes: route.NewCurrent(table(t, routes))}
}

// table is routes, the first of which are of the kafka executor with the reply topics given, separated by spaces.
func table(t *testing.T, replyTopics string) *route.Table {
	t.Helper()
	text := "routes:\n"
	for i, topic := range strings.Fields(replyTopics) {
		text += fmt.Sprintf("- {name: k%d, match: {objectType: T%d}, executor: {type: kafka, topic: requests, replyTopic: %s}}\n", i, i, topic)
	}
	text += "- {name: silent, match: {objectType: S}, executor: {type: kafka, topic: requests}}\n"
	text += "- {name: rest, executor: {type: http, url: 'http://127.0.0.1:1/'}}\n"
	out, err := route.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// start runs a reader until the test, or stop, ends it.
func (c *cluster) start() (stop func()) {
	c.t.Helper()
	c.metrics = prometheus.NewPedanticRegistry()
	r, err := New(Config{
		Kafka:      []kgo.Opt{kgo.SeedBrokers(c.kafka.ListenAddrs()...), kgo.FetchMaxWait(100 * time.Millisecond), kgo.HeartbeatInterval(100 * time.Millisecond)},
		Topics:     schemas.TopicsOf("parley"),
		Partitions: partitions,
		Group:      "parley.replies",
		Routes:     c.routes,
		Tokens:     signer(c.t, "secret"),
		Interval:   20 * time.Millisecond,
		Log:        slog.New(slog.DiscardHandler),
		Metrics:    c.metrics,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			c.t.Error(err)
		}
	}
	c.t.Cleanup(stop)
	return stop
}

// reply writes a reply with the token in its header.
func (c *cluster) reply(topic, token, value string) {
	c.t.Helper()
	r := &kgo.Record{Topic: topic, Value: []byte(value), Headers: []kgo.RecordHeader{{Key: schemas.HeaderDeferredToken, Value: []byte(token)}}}
	if err := c.client.ProduceSync(c.t.Context(), r).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

// await reads until there are so many records on a topic, and returns their values.
func (c *cluster) await(topic string, n int) []*kgo.Record {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), testkit.Patience)
	defer cancel()
	for {
		var found []*kgo.Record
		for _, r := range c.seen {
			if r.Topic == topic {
				found = append(found, r)
			}
		}
		if len(found) >= n {
			return found
		}
		fetches := c.client.PollFetches(ctx)
		if ctx.Err() != nil {
			c.t.Fatalf("%d records on %s, want %d", len(found), topic, n)
		}
		c.seen = append(c.seen, fetches.Records()...)
	}
}

// awaitCommitted waits until the group has committed so many records of a topic.
func (c *cluster) awaitCommitted(topic string, n int64) {
	c.t.Helper()
	admin := kadm.NewClient(c.client)
	ctx, cancel := context.WithTimeout(c.t.Context(), testkit.Patience)
	defer cancel()
	for {
		var committed int64
		offsets, err := admin.FetchOffsets(ctx, "parley.replies")
		offsets.Each(func(o kadm.OffsetResponse) {
			if o.Topic == topic {
				committed += o.At
			}
		})
		if committed == n {
			return
		}
		if ctx.Err() != nil {
			c.t.Fatalf("%d replies of %s are committed, want %d (%v)", committed, topic, n, err)
		}
	}
}

// read is how many replies the reader counts that became this.
func (c *cluster) read(became string) float64 {
	c.t.Helper()
	families, err := c.metrics.Gather()
	if err != nil {
		c.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == became {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestRepliesBecomeAnswers(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "done")
	c.reply("done", tokenFor(t, 2, time.Now()), `{"processed":1}`) // before there is a reader
	c.start()
	c.await("parley.calls", 1)
	c.reply("done", "forged", `{}`)
	c.reply("done", tokenFor(t, 0, time.Now()), `no`)
	c.reply("done", tokenFor(t, 1, time.Now()), `{}`)
	answers := c.await("parley.calls", 2)
	for i, want := range []int32{2, 1} {
		if got := answers[i]; got.Partition != want || !strings.HasPrefix(show(got), fmt.Sprintf("parley.calls %d %s type=answer", want, called)) {
			t.Errorf("answer %d is %s, want it on partition %d", i, show(got), want)
		}
	}
	for _, got := range c.await("parley.dead", 2) {
		line := show(got)
		if !strings.Contains(line, "source-topic=done") || !strings.Contains(line, "error-code=Forbidden") && !strings.Contains(line, "error-code=InvalidBody") {
			t.Errorf("dead: %s", line)
		}
	}
	c.awaitCommitted("done", 4)
}

// Reply topics come and go with the routes; a topic may be named before it is made, and one that is no longer named may
// hold answers yet.
func TestTopicsFollowTheRoutes(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "")
	c.start()
	c.reply("done", tokenFor(t, 0, time.Now()), `{}`)
	c.routes.Replace(table(t, "done later"))
	c.await("parley.calls", 1)
	if _, err := kadm.NewClient(c.client).CreateTopic(t.Context(), 1, 1, nil, "later"); err != nil {
		t.Fatal(err)
	}
	c.reply("later", tokenFor(t, 1, time.Now()), `{}`)
	c.await("parley.calls", 2)
	c.routes.Replace(table(t, ""))
	c.reply("done", tokenFor(t, 2, time.Now()), `{}`)
	c.await("parley.calls", 3)
}

// A reader that dies between writing an answer and committing the reply leaves a second answer behind, and loses none.
func TestDeathBeforeTheCommit(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "done")
	commits := make(chan struct{}, 100)
	var refuse atomic.Bool
	refuse.Store(true)
	c.kafka.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.kafka.KeepControl()
		if !refuse.Load() {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, rt := range req.(*kmsg.OffsetCommitRequest).Topics {
			topic := kmsg.NewOffsetCommitResponseTopic()
			topic.Topic, topic.TopicID = rt.Topic, rt.TopicID
			for _, rp := range rt.Partitions {
				partition := kmsg.NewOffsetCommitResponseTopicPartition()
				partition.Partition, partition.ErrorCode = rp.Partition, kerr.UnknownServerError.Code
				topic.Partitions = append(topic.Partitions, partition)
			}
			resp.Topics = append(resp.Topics, topic)
		}
		commits <- struct{}{}
		return resp, nil, true
	})
	stop := c.start()
	c.reply("done", tokenFor(t, 0, time.Now()), `{}`)
	c.await("parley.calls", 1)
	<-commits
	stop()

	refuse.Store(false)
	stop = c.start()
	answers := c.await("parley.calls", 2)
	if show(answers[0]) != show(answers[1]) {
		t.Errorf("two answers:\n%s\n%s", show(answers[0]), show(answers[1]))
	}
	c.awaitCommitted("done", 1)
	stop()

	c.start()
	c.reply("done", tokenFor(t, 3, time.Now()), `{}`)
	if answers := c.await("parley.calls", 3); answers[2].Partition != 3 {
		t.Errorf("a committed reply was read again: %s", show(answers[2]))
	}
}

// An answer that its topic does not take is lost with a reason, and the next ones are not.
func TestAnswerThatIsTooLong(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "done")
	c.kafka.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.kafka.KeepControl()
		produce := req.(*kmsg.ProduceRequest)
		for _, topic := range produce.Topics {
			for _, partition := range topic.Partitions {
				if len(partition.Records) > 100_000 && partition.Partition == 3 {
					resp := req.ResponseKind().(*kmsg.ProduceResponse)
					rt := kmsg.NewProduceResponseTopic()
					rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
					rp := kmsg.NewProduceResponseTopicPartition()
					rp.Partition, rp.ErrorCode = partition.Partition, kerr.MessageTooLarge.Code
					rt.Partitions = append(rt.Partitions, rp)
					resp.Topics = append(resp.Topics, rt)
					return resp, nil, true
				}
			}
		}
		return nil, nil, false
	})
	c.start()
	c.reply("done", tokenFor(t, 3, time.Now()), incompressible(200_000))
	c.reply("done", tokenFor(t, 1, time.Now()), `{}`)
	c.await("parley.calls", 1)
	dead := show(c.await("parley.dead", 1)[0])
	if !strings.Contains(dead, "error-code=TooLarge") || !strings.Contains(dead, "source-topic=done") || len(dead) > 1_000 {
		t.Errorf("dead: %.1000s", dead)
	}
	c.awaitCommitted("done", 2)
	if answers, dead := c.read("answer"), c.read("dead"); answers != 1 || dead != 1 {
		t.Errorf("counted %v answers and %v dead, want one of each", answers, dead)
	}
}

// incompressible is a failure with a message of so many random letters.
func incompressible(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	letters := make([]byte, n)
	for i := range letters {
		letters[i] = byte('a' + random.IntN(26))
	}
	return `{"status":"Error","message":"` + string(letters) + `"}`
}

func TestConfigNamesEverythingThatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Interval: -1})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"kafka:", "topics:", "partitions:", "group:", "routes and tokens:", "interval:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}
