package subscriber

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

func TestEachSubscriberGetsWhatItWants(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	q := c.queues(t, "front")
	c.end(t, "acme", "Order", "Row") // before anybody subscribes
	before := c.sequences
	all := reader{q, "acme", subscribe(t, q, "acme")}
	orders := reader{q, "acme", subscribe(t, q, "acme", "Order")}
	other := reader{q, "globex", subscribe(t, q, "globex")}
	c.fan(t, "a")
	c.end(t, "acme", "Order", "Row", "Order")
	c.end(t, "globex", "Order")
	c.write(t, schemas.EventConversationCompleted, &parleyv1.ResultEvent{Account: "acme", Event: &parleyv1.ResultEvent_Conversation{Conversation: &parleyv1.ConversationEvent{ConversationId: "story"}}})
	for name, tt := range map[string]struct {
		reader reader
		want   int
	}{"all of an account": {all, 4}, "orders, and conversations": {orders, 3}, "another account": {other, 1}} {
		got := tt.reader.drain(t, 10, tt.want)
		for p, s := range before {
			if slices.Contains(got, schemas.SequenceText(int32(p), s)) {
				t.Errorf("%s: %v has what was there before", name, got)
			}
		}
		if b, _ := tt.reader.ask(t, 10, 0); len(b.Transactions) != 0 || b.LastTransactionID != 0 {
			t.Errorf("%s: %d transactions are left", name, len(b.Transactions))
		}
	}
}

func TestDequeue(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	r := reader{queues: c.queues(t, "front"), account: "acme"}
	r.id = subscribe(t, r.queues, "acme")
	c.fan(t, "a")
	c.end(t, "acme", slices.Repeat([]string{"Order"}, 10)...)
	await(t, "10 transactions", func() bool { b, _ := r.ask(t, 999, 0); return len(b.Transactions) == 10 })

	first, a := r.ask(t, 4, 0)
	if again, b := r.ask(t, 4, 0); len(a) != 4 || !slices.Equal(a, b) || again.LastTransactionID != first.LastTransactionID {
		t.Errorf("asked again without acknowledging: %v, want %v", b, a)
	}
	none, _ := r.ask(t, 0, first.LastTransactionID)
	if len(none.Transactions) != 0 || none.LastTransactionID != 0 {
		t.Errorf("a block of none has %d", len(none.Transactions))
	}
	second, b := r.ask(t, 4, 0)
	if slices.Contains(b, a[3]) || len(b) != 4 {
		t.Errorf("behind %v comes %v", a, b)
	}
	if _, back := r.ask(t, 4, 1); !slices.Equal(back, b) {
		t.Errorf("what is acknowledged comes again: %v, want %v", back, b)
	}
	c.end(t, "acme", "Order") // who acknowledges nothing sees what comes behind
	await(t, "the last one", func() bool { b, _ := r.ask(t, 999, 0); return len(b.Transactions) == 7 })
	_, c3 := r.ask(t, 4, 1<<50) // beyond everything: what was handed out is acknowledged
	if len(c3) != 0 {
		t.Errorf("after all were handed out and acknowledged: %v", c3)
	}
	c.end(t, "acme", "Order")
	if rest := r.drain(t, 4, 1); len(rest) != 1 {
		t.Errorf("what comes later: %v", rest)
	}
	if second.LastTransactionID <= first.LastTransactionID {
		t.Errorf("ids fall: %d, then %d", first.LastTransactionID, second.LastTransactionID)
	}
}

// An event that nothing can be made of is in no queue, and keeps nothing else out of it.
func TestEventOfNothing(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	r := reader{queues: c.queues(t, "front"), account: "acme"}
	r.id = subscribe(t, r.queues, "acme")
	c.fan(t, "a")
	c.write(t, schemas.EventCallCompleted, &parleyv1.ResultEvent{Account: "acme"})
	c.end(t, "acme", "Order", "Order")
	if got := r.drain(t, 10, 2); len(got) != 2 {
		t.Errorf("%d transactions, want 2", len(got))
	}
}

// Callers that do not coordinate, at two nodes, may see a transaction twice, but miss none.
func TestNobodyCoordinates(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a := reader{queues: c.queues(t, "a"), account: "acme"}
	a.id = subscribe(t, a.queues, "acme")
	b := reader{c.queues(t, "b"), "acme", a.id}
	c.fan(t, "a")
	const total = 200
	c.end(t, "acme", slices.Repeat([]string{"Order"}, total)...)
	var seen sync.Map // by sequence
	var count atomic.Int64
	var reading sync.WaitGroup
	for _, r := range []reader{a, b} {
		reading.Go(func() {
			last := int64(0)
			for deadline := time.Now().Add(patience); count.Load() < total && time.Now().Before(deadline); {
				block, sequences := r.ask(t, 7, last)
				last = max(last, block.LastTransactionID)
				for _, s := range sequences {
					if _, known := seen.LoadOrStore(s, nil); !known {
						count.Add(1)
					}
				}
			}
		})
	}
	reading.Wait()
	var got []string
	seen.Range(func(s, _ any) bool { got = append(got, s.(string)); return true })
	c.once(t, got)
}

// What one node has acknowledged and handed out, the next one knows, also after all were started again.
func TestAcknowledgmentSurvives(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a := reader{queues: c.queues(t, "a"), account: "acme"}
	a.id = subscribe(t, a.queues, "acme")
	c.fan(t, "a")
	c.end(t, "acme", slices.Repeat([]string{"Order"}, 6)...)
	await(t, "6 transactions", func() bool { b, _ := a.ask(t, 6, 0); return len(b.Transactions) == 6 })
	first, _ := a.ask(t, 2, 0)
	second, _ := a.ask(t, 2, first.LastTransactionID)
	for _, node := range []string{"b", "a"} {
		later := reader{c.queues(t, node), "acme", a.id}
		got, _ := later.ask(t, 2, 0)
		if got.LastTransactionID != second.LastTransactionID {
			t.Errorf("node %s hands out up to %d, want %d: what follows the acknowledged", node, got.LastTransactionID, second.LastTransactionID)
		}
	}
}

func TestBlocksAreBounded(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	q := c.queues(t, "front")
	r := reader{q, "acme", subscribe(t, q, "acme")}
	few := reader{q, "acme", subscribeTo(t, q, "acme", schemas.Subscriber{TransactionTypes: schemas.TransactionTypes(), MaxBlockCount: 3})}
	c.fan(t, "a")
	long := strings.Repeat("x", 20<<10)
	c.end(t, "acme", long, long, long, long, long)
	c.end(t, "acme", slices.Repeat([]string{long}, 1)...)
	for _, id := range []schemas.SubscriberID{r.id, few.id} {
		await(t, "all are queued", func() bool {
			s, err := q.Subscriber(t.Context(), "acme", id)
			return err == nil && s.Queue.Depth == 6
		})
	}
	last, total := int64(0), 0
	for {
		b, _ := r.ask(t, 999, last)
		bytes := 0
		for _, text := range b.Transactions {
			bytes += len(text)
		}
		if bytes > schemas.BlockBytesMax {
			t.Errorf("a block of %d bytes", bytes)
		}
		if total += len(b.Transactions); len(b.Transactions) == 0 {
			break
		}
		last = b.LastTransactionID
	}
	if total != 6 {
		t.Errorf("%d transactions, want 6", total)
	}
	if got, _ := few.ask(t, 999, 0); len(got.Transactions) > 3 {
		t.Errorf("%d transactions, the subscriber is to have 3 at the most", len(got.Transactions))
	}
}

func TestSubscribersOfOthersAreNotThere(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	q := c.queues(t, "front")
	id := subscribe(t, q, "acme")
	ask := func(account string, id schemas.SubscriberID) error {
		_, err := q.Dequeue(t.Context(), schemas.DequeueQuery{Account: account, Subscriber: id, CountMax: 1, BytesMax: 1})
		return err
	}
	if err := ask("acme", id); err != nil {
		t.Error(err)
	}
	if err := ask("globex", id); !errors.Is(err, schemas.ErrUnknown) {
		t.Errorf("of another account: %v", err)
	}
	if err := ask("acme", id+1); !errors.Is(err, schemas.ErrUnknown) {
		t.Errorf("of nobody: %v", err)
	}
	if err := q.Delete(t.Context(), "globex", "test", id); !errors.Is(err, schemas.ErrUnknown) {
		t.Errorf("deleted by another: %v", err)
	}
	if all, err := q.Subscribers(t.Context(), "globex"); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestDeletion(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	q := c.queues(t, "front")
	gone, stays := reader{q, "acme", subscribe(t, q, "acme")}, reader{q, "acme", subscribe(t, q, "acme")}
	c.fan(t, "a")
	c.end(t, "acme", "Order")
	stays.drain(t, 1, 1)
	if err := q.Delete(t.Context(), "acme", "test", gone.id); err != nil {
		t.Fatal(err)
	}
	if err := q.Delete(t.Context(), "acme", "test", gone.id); !errors.Is(err, schemas.ErrUnknown) {
		t.Errorf("deleted twice: %v", err)
	}
	await(t, "its topic is deleted", func() bool {
		all, err := kadm.NewClient(c.client).ListTopics(t.Context(), c.Topics.Subscriber(gone.id))
		return err == nil && !all.Has(c.Topics.Subscriber(gone.id))
	})
	c.end(t, "acme", "Order")
	stays.drain(t, 1, 1)
	if next := subscribe(t, q, "acme"); next <= stays.id {
		t.Errorf("the next subscriber is %d: a number is given again", next)
	}
	all, err := q.Subscribers(t.Context(), "acme")
	if err != nil || len(all) != 2 || all[0].SubscriberID != stays.id {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestQueueStands(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	q := c.queues(t, "front")
	r := reader{q, "acme", subscribe(t, q, "acme")}
	look := func() schemas.QueueResource {
		t.Helper()
		s, err := q.Subscriber(t.Context(), "acme", r.id)
		if err != nil {
			t.Fatal(err)
		}
		return *s.Queue
	}
	if got := look(); got.Depth != 0 || !got.Exact || got.OldestAt != nil || got.LastDequeuedAt != nil {
		t.Errorf("empty: %+v", got)
	}
	c.fan(t, "a")
	c.end(t, "acme", "Order", "Order", "Order")
	await(t, "3 are queued", func() bool { return look().Depth == 3 })
	if got := look(); !got.Exact || got.OldestAt == nil || got.LastQueuedAt == nil {
		t.Errorf("with 3: %+v", got)
	}
	b, _ := r.ask(t, 2, 0)
	r.ask(t, 0, b.LastTransactionID)
	if got := look(); got.Depth != 1 || got.Acknowledged != b.LastTransactionID || got.HandedOut != b.LastTransactionID || got.LastDequeuedAt == nil {
		t.Errorf("after 2 were acknowledged: %+v", got)
	}
	await(t, "their room is given back", func() bool {
		starts, err := kadm.NewClient(c.client).ListStartOffsets(t.Context(), c.Topics.Subscriber(r.id))
		s, _ := starts.Lookup(c.Topics.Subscriber(r.id), 0)
		return err == nil && s.Offset == b.LastTransactionID
	})
	if got := look(); got.Depth != 1 {
		t.Errorf("after that: %+v", got)
	}
}

func TestAccountsHaveSoMany(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	q := c.queues(t, "front")
	for range AccountSubscribersMax {
		subscribe(t, q, "acme")
	}
	_, err := q.Create(t.Context(), "acme", "test", schemas.Subscriber{})
	if p, ok := errors.AsType[*schemas.Problem](err); !ok || p.Code != schemas.Forbidden {
		t.Errorf("one more: %v", err)
	}
	subscribe(t, q, "globex")
}

// await waits for a condition.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
