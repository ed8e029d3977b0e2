package processor_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/route"
	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/store"
	"parley/schemas"
)

// backend is an executor that keeps what reaches it and answers as it is told. Its attempts run beside each other.
type backend struct {
	// answer says what comes of an attempt; nil: all is well.
	answer func(executor.Request) conversation.Outcome

	mu       sync.Mutex
	attempts []executor.Request
}

func (b *backend) Execute(_ context.Context, _ *route.Route, req executor.Request) conversation.Outcome {
	b.mu.Lock()
	b.attempts = append(b.attempts, req)
	b.mu.Unlock()
	if b.answer != nil {
		return b.answer(req)
	}
	return well(req)
}

// came are the attempts that have begun, in their order.
func (b *backend) came() []executor.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.attempts)
}

// executed names the calls of the attempts that have begun, in their order.
func (b *backend) executed() []string {
	var out []string
	for _, req := range b.came() {
		out = append(out, nameOf(req))
	}
	return out
}

// await returns the first n attempts when they have begun.
func (b *backend) await(t *testing.T, n int) []executor.Request {
	t.Helper()
	if !within(20*time.Second, func() bool { return len(b.came()) >= n }) {
		t.Fatalf("began %v, want %d attempts", b.executed(), n)
	}
	return b.came()[:n]
}

// nameOf is the name of a call: see part.
func nameOf(req executor.Request) string { return req.Call.Objects[0].CorrelationId }

func well(req executor.Request) conversation.Outcome {
	return conversation.Outcome{Results: make([]conversation.ObjectOutcome, len(req.Call.Objects))}
}

func deferred(executor.Request) conversation.Outcome {
	return conversation.Outcome{Kind: conversation.Deferred}
}

// refusing says no to the calls with these names.
func refusing(names ...string) func(executor.Request) conversation.Outcome {
	return func(req executor.Request) conversation.Outcome {
		if slices.Contains(names, nameOf(req)) {
			return conversation.Outcome{Kind: conversation.Failed, Code: "NoSuchRow", Message: "no"}
		}
		return well(req)
	}
}

// door holds attempts up until it is opened. Open it before the test ends: a processor waits for what is under way.
type door struct {
	open func()
	ch   chan struct{}
}

func newDoor() *door {
	d := &door{ch: make(chan struct{})}
	d.open = sync.OnceFunc(func() { close(d.ch) })
	return d
}

// behind has attempts wait for the door before they are answered.
func (d *door) behind(answer func(executor.Request) conversation.Outcome) func(executor.Request) conversation.Outcome {
	return func(req executor.Request) conversation.Outcome {
		<-d.ch
		return answer(req)
	}
}

// by has a processor take every call by one HTTP route, with more members in YAML, as "delivery: at-most-once".
func by(t *testing.T, more ...string) func(*processor.Config) {
	t.Helper()
	members := append([]string{`name: all`, `executor: {type: http, url: "http://127.0.0.1:1/"}`, `retry: {initial: 5ms, max: 20ms}`}, more...)
	return byRoutes(t, "{"+strings.Join(members, ", ")+"}")
}

// byRoutes has a processor take calls by routes, each in YAML.
func byRoutes(t *testing.T, routes ...string) func(*processor.Config) {
	t.Helper()
	table, err := route.Parse([]byte("routes: [" + strings.Join(routes, ", ") + "]"))
	if err != nil {
		t.Fatal(err)
	}
	return func(cfg *processor.Config) { cfg.Routes = route.NewCurrent(table) }
}

// put appends a record to the calls and returns its place.
func (c *cluster) put(r *kgo.Record) schemas.Position {
	c.t.Helper()
	r.Topic = c.topics.Calls
	if err := c.client.ProduceSync(c.t.Context(), r).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
	return schemas.Position{Partition: r.Partition, Offset: r.Offset}
}

// typed is a record of a type other than call.
func typed(recordType string, value []byte) *kgo.Record {
	return &kgo.Record{Value: value, Headers: []kgo.RecordHeader{{Key: schemas.HeaderType, Value: []byte(recordType)}}}
}

// answer appends a late answer to the partition that its token names.
func (c *cluster) answer(a schemas.Answer) schemas.Position {
	c.t.Helper()
	t, err := signer(c.t).Verify(a.Token, time.Time{})
	if err != nil {
		c.t.Fatal(err)
	}
	r := c.answerRecord(a)
	r.Partition = t.Partition
	return c.put(r)
}

func (c *cluster) answerRecord(a schemas.Answer) *kgo.Record {
	c.t.Helper()
	value, err := schemas.EncodeAnswer(&a)
	if err != nil {
		c.t.Fatal(err)
	}
	return typed(schemas.RecordAnswer, value)
}

// refuseCommits has the broker refuse the offsets of turns, so that they are aborted. refuses is asked about each turn,
// and must not wait.
func (c *cluster) refuseCommits(refuses func() bool) *kfake.FaultHandle {
	var last kmsg.Request // asked about each of its partitions
	var refused bool
	return c.kafka.Fake().Fault(kfake.Fault{
		Keys:  []kmsg.Key{kmsg.TxnOffsetCommit},
		Err:   kerr.RebalanceInProgress,
		Count: -1,
		When: func(r kmsg.Request) bool {
			if r != last {
				last, refused = r, refuses()
			}
			return refused
		},
	})
}

// every is true at each nth time that it is asked.
func every(nth int) func() bool {
	asked := 0
	return func() bool {
		asked++
		return asked%nth == 0
	}
}

// read returns the committed records of a topic, in the order of their partitions and offsets.
func (c *cluster) read(topic string) []*kgo.Record {
	c.t.Helper()
	records, err := c.committed(c.t.Context(), topic)
	if err != nil {
		c.t.Fatal(err)
	}
	return records
}

// committed reads a topic to its end as a read_committed reader does.
func (c *cluster) committed(ctx context.Context, topic string) ([]*kgo.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, testkit.Patience)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.seeds...), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends, err := decided(ctx, kadm.NewClient(client), topic)
	if err != nil {
		return nil, err
	}
	missing := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			missing[o.Partition] = o.Offset
		}
	})
	var out []*kgo.Record
	for len(missing) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if end, ok := missing[r.Partition]; ok && r.Offset+1 >= end {
				delete(missing, r.Partition)
			}
			if !r.Attrs.IsControl() {
				out = append(out, r)
			}
		})
	}
	slices.SortFunc(out, func(a, b *kgo.Record) int {
		if a.Partition != b.Partition {
			return int(a.Partition - b.Partition)
		}
		return int(a.Offset - b.Offset)
	})
	return out, nil
}

// decidedMax bounds the wait for what was written to be committed or aborted. A test may keep a transaction open.
const decidedMax = 3 * time.Second

// decided are the ends of what is committed in a topic, when all that is in it now is decided: who ends a transaction is
// answered before its markers are in all partitions.
func decided(ctx context.Context, admin *kadm.Client, topic string) (ends kadm.ListedOffsets, err error) {
	written, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	within(decidedMax, func() bool {
		if ends, err = admin.ListCommittedOffsets(ctx, topic); err != nil {
			return true
		}
		all := true
		written.Each(func(o kadm.ListedOffset) {
			end, _ := ends.Lookup(topic, o.Partition)
			all = all && end.Offset >= o.Offset
		})
		return all
	})
	return ends, err
}

// header is the value of a record's header; empty: it has none.
func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// rebuilt calls f with a store that has the changelog of a partition, and its record.
func (c *cluster) rebuilt(ctx context.Context, partition int32, f func(*store.Store, store.Meta) error) error {
	records, err := c.committed(ctx, c.topics.State)
	if err != nil {
		return err
	}
	s, err := store.Open(store.Config{Dir: "state", FS: vfs.NewMem()})
	if err != nil {
		return err
	}
	defer s.Close()
	var changes []store.Change
	for _, r := range records {
		if r.Partition == partition {
			changes = append(changes, store.Change{Key: r.Key, Value: r.Value})
		}
	}
	if err := s.Restore(partition, changes, store.Applied{}); err != nil {
		return err
	}
	meta, err := s.Meta(partition)
	if err != nil {
		return err
	}
	return f(s, meta)
}

// stateOf is what the changelog says of a conversation of acme, or of a call under its request id.
func (c *cluster) stateOf(ctx context.Context, name string) (s conversation.State, err error) {
	partition := topics.Partition("acme/"+name, partitions)
	err = c.rebuilt(ctx, partition, func(rebuilt *store.Store, _ store.Meta) (err error) {
		s, err = rebuilt.Conversation(partition, keyOf(name))
		return err
	})
	return s, err
}

func keyOf(name string) schemas.ConversationKey {
	return schemas.ConversationQuery{Account: "acme", ID: name}.Keys()[0]
}

// amend changes what the changelog says of a conversation, as if things had come about otherwise. No processor must run.
func (c *cluster) amend(name string, change func(*conversation.State)) {
	c.t.Helper()
	partition, key := topics.Partition("acme/"+name, partitions), keyOf(name)
	err := c.rebuilt(c.t.Context(), partition, func(rebuilt *store.Store, meta store.Meta) error {
		tx := rebuilt.Begin(partition, meta)
		s, err := tx.Conversation(key)
		if err != nil {
			return err
		}
		change(&s)
		tx.SetConversation(key, s)
		changes, err := tx.Changes()
		if err != nil {
			return err
		}
		for _, ch := range changes {
			r := &kgo.Record{Topic: c.topics.State, Partition: partition, Key: ch.Key, Value: ch.Value}
			if err := c.client.ProduceSync(c.t.Context(), r).FirstErr(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// crashed is a cluster with what is committed in c now: what processes leave that are killed at this moment.
func (c *cluster) crashed() *cluster {
	c.t.Helper()
	d := newCluster(c.t)
	for from, to := range map[string]string{c.topics.State: d.topics.State, c.topics.Results: d.topics.Results} {
		for _, r := range c.read(from) {
			d.copy(to, r)
		}
	}
	next := make(map[int32]int64) // of the calls, whose offsets count: ticks take the places of the ends of transactions
	for _, r := range c.read(c.topics.Calls) {
		d.ticks(r.Partition, next[r.Partition], r.Offset)
		d.copy(d.topics.Calls, r)
		next[r.Partition] = r.Offset + 1
	}
	ends, err := kadm.NewClient(c.client).ListEndOffsets(c.t.Context(), c.topics.Calls)
	if err != nil {
		c.t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { d.ticks(o.Partition, next[o.Partition], o.Offset) })
	return d
}

// copy appends what another cluster has to the same partition of a topic.
func (c *cluster) copy(topic string, r *kgo.Record) {
	c.t.Helper()
	r = &kgo.Record{Topic: topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}
	if err := c.client.ProduceSync(c.t.Context(), r).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

// ticks fills the offsets from one to, not with, another.
func (c *cluster) ticks(partition int32, from, to int64) {
	c.t.Helper()
	for ; from < to; from++ {
		r := typed(schemas.RecordTick, nil)
		r.Partition = partition
		c.put(r)
	}
}
