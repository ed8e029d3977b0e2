package inbox

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// patience bounds the wait for something that must come.
const patience = 30 * time.Second

// cluster is a broker with Parley's topics, and clients that write to inboxes and read what comes of it.
type cluster struct {
	t     *testing.T
	kafka *kfake.Cluster
	admin *kadm.Client
	// names are those of parley.calls and parley.dead, by their ids: requests have nothing but these.
	names map[[16]byte]string
	// writer writes to the partition that a record says.
	writer *kgo.Client
	reader *kgo.Client
	// calls and dead are what was read of parley.calls and parley.dead.
	calls, dead []*kgo.Record
}

func newCluster(t *testing.T, inboxes ...string) *cluster {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "parley.calls"), kfake.SeedTopics(1, "parley.dead"),
		kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	c := &cluster{t: t, kafka: k}
	c.writer = c.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(16<<20))
	c.reader = c.client(kgo.ConsumeTopics("parley.calls", "parley.dead"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	c.admin = kadm.NewClient(c.writer)
	found, err := c.admin.ListTopics(t.Context(), "parley.calls", "parley.dead")
	if err != nil {
		t.Fatal(err)
	}
	c.names = map[[16]byte]string{found["parley.calls"].ID: "parley.calls", found["parley.dead"].ID: "parley.dead"}
	c.create(2, inboxes...)
	return c
}

func (c *cluster) client(opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.kafka.ListenAddrs()...), kgo.FetchMaxWait(100*time.Millisecond), kgo.MetadataMinAge(10*time.Millisecond))...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(client.Close)
	return client
}

// create makes the topics of accounts.
func (c *cluster) create(partitions int32, accounts ...string) {
	c.t.Helper()
	for _, account := range accounts {
		if r, err := c.admin.CreateTopic(c.t.Context(), partitions, 1, nil, "parley.in."+account); err != nil || r.Err != nil {
			c.t.Fatal(err, r.Err)
		}
	}
}

// member is a reader that runs.
type member struct {
	metrics *prometheus.Registry
	stop    func()
}

// start runs a reader until the test, or stop, ends it.
func (c *cluster) start() *member {
	c.t.Helper()
	m := &member{metrics: prometheus.NewPedanticRegistry()}
	cfg := config(c.t)
	cfg.Kafka = []kgo.Opt{kgo.SeedBrokers(c.kafka.ListenAddrs()...), kgo.FetchMaxWait(100 * time.Millisecond), kgo.HeartbeatInterval(50 * time.Millisecond)}
	cfg.Group = "parley.ingest"
	cfg.Discover, cfg.Interval = 50*time.Millisecond, 20*time.Millisecond
	cfg.Log, cfg.Metrics = slog.New(slog.DiscardHandler), m.metrics
	r, err := New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Error(err)
		}
	})
	c.t.Cleanup(m.stop)
	return m
}

// put writes a record to a partition of the topic of an account, with headers given as name, value.
func (c *cluster) put(account string, partition int32, value string, headers ...string) {
	c.t.Helper()
	r := record(value, headers...).Record
	r.Topic, r.Partition, r.Offset = "parley.in."+account, partition, 0
	if err := c.writer.ProduceSync(c.t.Context(), r).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

// until reads on until enough says so.
func (c *cluster) until(what string, enough func() bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for !enough() {
		fetches := c.reader.PollFetches(ctx)
		if ctx.Err() != nil {
			c.t.Fatalf("not within %s: %s; there are %d calls and %d dead", patience, what, len(c.calls), len(c.dead))
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Topic == "parley.dead" {
				c.dead = append(c.dead, r)
				return
			}
			c.calls = append(c.calls, r)
		})
	}
}

// await reads until there are so many calls and dead records.
func (c *cluster) await(calls, dead int) {
	c.t.Helper()
	c.until("so many records", func() bool { return len(c.calls) >= calls && len(c.dead) >= dead })
}

// eventually asks again and again until the answer is yes.
func (c *cluster) eventually(what string, yes func() bool) {
	c.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); !yes(); <-again.C {
		if time.Now().After(deadline) {
			c.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// awaitCommitted waits until the group has committed so many records of the topic of an account.
func (c *cluster) awaitCommitted(account string, n int64) {
	c.t.Helper()
	c.eventually("committed", func() bool {
		offsets, err := c.admin.FetchOffsets(c.t.Context(), "parley.ingest")
		if err != nil {
			return false
		}
		sum := int64(0)
		for _, o := range offsets["parley.in."+account] {
			sum += o.At
		}
		return sum == n
	})
}

// metric is a metric of a member, by its name and the values of its labels in the order of the labels' names; -1: there
// is none.
func (m *member) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := m.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			var values []string
			for _, l := range one.GetLabel() {
				values = append(values, l.GetValue())
			}
			if f.GetName() == name && strings.Join(values, " ") == strings.Join(labels, " ") {
				return one.GetCounter().GetValue() + one.GetGauge().GetValue()
			}
		}
	}
	return -1
}

// refuse has the broker refuse requests of a kind while on says so; refused has something to receive after one was.
func (c *cluster) refuse(key kmsg.Key, refusal func(kmsg.Request) kmsg.Response) (refused <-chan struct{}) {
	seen := make(chan struct{}, 1)
	c.kafka.ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.kafka.KeepControl()
		resp := refusal(req)
		if resp == nil {
			return nil, nil, false
		}
		select {
		case seen <- struct{}{}:
		default:
		}
		return resp, nil, true
	})
	return seen
}

// refusedProduce is the answer to a produce request that is refused if it holds a batch that is chosen; nil: it holds none.
// Of topics other than parley.calls and parley.dead the name is empty.
func (c *cluster) refusedProduce(req kmsg.Request, code int16, chosen func(topic string, batch []byte) bool) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	any := false
	for _, topic := range req.(*kmsg.ProduceRequest).Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, code
			rt.Partitions = append(rt.Partitions, rp)
			any = any || chosen(c.names[topic.TopicID], p.Records)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	if !any {
		return nil
	}
	return resp
}
