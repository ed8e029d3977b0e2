package processor_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/processor"
	"parley/schemas"
)

// requests is the topic that routes write to.
func (c *cluster) requests() string { return c.kafka.Prefix + ".requests" }

// byKafka has a processor write every call to the topic of requests; more are members of its executor in YAML.
func (c *cluster) byKafka(more ...string) func(*processor.Config) {
	c.t.Helper()
	members := append([]string{"type: kafka", "topic: " + c.requests()}, more...)
	return byRoutes(c.t, "{name: ledger, executor: {"+strings.Join(members, ", ")+"}, retry: {initial: 5ms, max: 20ms}}")
}

// withTopic makes the topic of requests.
func (c *cluster) withTopic(configs map[string]*string) {
	c.t.Helper()
	c.kafka.Create(3, configs, c.requests())
}

// noBackend fails the test when a call reaches it.
func noBackend(t *testing.T) *backend {
	t.Helper()
	x := new(backend)
	t.Cleanup(func() {
		if got := x.executed(); len(got) > 0 {
			t.Errorf("executed %v, want that no call goes by HTTP", got)
		}
	})
	return x
}

// TestRequestIsVisibleOnce has turns with requests be aborted, ends of others not be heard, and the processor start again
// without its store.
func TestRequestIsVisibleOnce(t *testing.T) {
	t.Parallel()
	const n = 12
	c := newCluster(t)
	c.withTopic(nil)
	x := noBackend(t)
	var ends, cut atomic.Int64
	c.kafka.Fake().ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.kafka.Fake().KeepControl()
		if ends.Add(1)%6 == 0 && cut.Add(1) <= 3 {
			return nil, errors.New("cut"), true
		}
		return nil, nil, false
	})
	requested := c.kafka.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: c.requests(), Observe: true, Count: -1})
	var seen, refused int
	refusals := c.refuseCommits(func() bool {
		n := requested.Hits()
		refuses := n > seen && refused < 6
		if seen = n; refuses {
			refused++
		}
		return refuses
	})
	_, stop := c.start(x, t.TempDir(), c.byKafka())
	want := c.workload(n)
	stop()
	p, _ := c.start(x, t.TempDir(), c.byKafka())
	for i := range n {
		if r := await(t, p, fmt.Sprintf("c%d", i)); r.Status != schemas.ConversationComplete {
			t.Errorf("conversation: %+v, want Complete", r)
		}
	}
	once(t, c.events(want))
	times := make(map[string]int)
	var names []string
	for _, r := range c.read(c.requests()) {
		times[header(r, "idempotency-key")]++
		names = append(names, nameIn(r))
	}
	inOrder(t, names)
	for id, n := range times {
		if n != 1 {
			t.Errorf("the request %s is there %d times", id, n)
		}
	}
	if len(times) != 3*n {
		t.Errorf("%d requests, want %d", len(times), 3*n)
	}
	if ends.Load() < 6 || refusals.Hits() == 0 {
		t.Errorf("%d transactions ended and %d were refused, too few", ends.Load(), refusals.Hits())
	}
}

// nameIn is the name of the call that a request carries: see part.
func nameIn(r *kgo.Record) string {
	_, after, _ := strings.Cut(string(r.Value), `"correlationId":"`)
	name, _, _ := strings.Cut(after, `"`)
	return name
}

func TestRequestWaitsForItsTopic(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.start(noBackend(t), t.TempDir(), c.byKafka(), func(cfg *processor.Config) {
		cfg.Kafka = append(cfg.Kafka, kgo.MetadataMinAge(50*time.Millisecond))
	})
	c.send("acme/c", part("c", 1, 1))
	if !within(20*time.Second, func() bool {
		r, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "c"})
		return err == nil && r.Calls[0].Attempts > 0
	}) {
		t.Fatal("no attempt has failed")
	}
	c.withTopic(nil)
	if r := await(t, p, "c"); r.Status != schemas.ConversationComplete {
		t.Errorf("conversation: %+v, want Complete", r)
	}
	if got := len(c.read(c.requests())); got != 1 {
		t.Errorf("%d requests, want one", got)
	}
}

func TestRequestThatItsTopicRefuses(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.withTopic(map[string]*string{"max.message.bytes": kadm.StringPtr("2000")})
	p, _ := c.start(noBackend(t), t.TempDir(), c.byKafka())
	c.send("acme/long", strings.Replace(part("long", 1, 1), `"type":"Row"`, `"type":"Row","properties":{"text":"`+strings.Repeat("x", 2000)+`"}`, 1))
	c.send("acme/short", part("short", 1, 1))
	await(t, p, "long")
	await(t, p, "short")
	got := calls(c.events(4))
	slices.Sort(got)
	if want := []string{"long-1 Error TooLarge", "short-1 OK"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestRequestWithAReplyTopicIsDeferred(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.withTopic(nil)
	p, _ := c.start(noBackend(t), t.TempDir(), c.byKafka("replyTopic: replies"))
	c.send("acme/c", part("c", 1, 2))
	c.send("acme/c", part("c", 2, 2))
	for seq, during := range []string{"Processing 1:Deferred,1,0 2:Waiting,0,0", "Processing 1:OK,1,1 2:Deferred,1,0"} {
		becomes(t, p, "c", during)
		requests := c.read(c.requests())
		if len(requests) != seq+1 {
			t.Fatalf("%d requests while the conversation is %s, want %d", len(requests), during, seq+1)
		}
		c.answer(schemas.Answer{Token: header(requests[seq], "parley-deferred-token")})
	}
	if r := await(t, p, "c"); r.Status != schemas.ConversationComplete {
		t.Errorf("conversation: %+v, want Complete", r)
	}
}

// TestTopicThatIsTakenAway has the topic of a route be deleted after it was used. Its calls wait for it to come back;
// those of other routes go on.
func TestTopicThatIsTakenAway(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.withTopic(nil)
	routes := byRoutes(t,
		`{name: ledger, match: {method: Create}, executor: {type: kafka, topic: `+c.requests()+`}, retry: {initial: 5ms, max: 20ms}}`,
		`{name: others, executor: {type: http, url: "http://127.0.0.1:1/"}}`)
	p, _ := c.start(new(backend), t.TempDir(), routes, func(cfg *processor.Config) {
		cfg.Kafka = append(cfg.Kafka, kgo.MetadataMinAge(50*time.Millisecond))
	})
	c.send("acme/before", part("before", 1, 1))
	await(t, p, "before")
	if _, err := kadm.NewClient(c.client).DeleteTopics(t.Context(), c.requests()); err != nil {
		t.Fatal(err)
	}
	c.send("acme/after", part("after", 1, 1))
	other := alongside("after")
	c.send("acme/"+other, strings.Replace(part(other, 1, 1), "Create", "Delete", 1))
	if r := await(t, p, other); r.Status != schemas.ConversationComplete {
		t.Errorf("conversation: %+v, want Complete", r)
	}
	c.withTopic(nil)
	if r := await(t, p, "after"); r.Status != schemas.ConversationComplete {
		t.Errorf("conversation: %+v, want Complete", r)
	}
}
