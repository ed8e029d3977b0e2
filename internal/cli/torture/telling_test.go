package torture

import (
	"slices"
	"testing"

	"parley/schemas"
)

const (
	callPlace         = "3-17"
	conversationPlace = "3-18"
)

// wellTold is what is known of a conversation of one call, whose end was told to one receiver at the second attempt, and that of the
// conversation to another; the account's subscriber has got both.
func wellTold() *tellings {
	t := &tellings{
		checks:        newChecks(),
		at:            addresses{receiverPrompt: "a:1", receiverSlow: "b:1", receiverAway: "c:1"},
		conversations: []conversationRow{{"acme", "story", schemas.ConversationError, conversationPlace}},
		callbacks:     make(map[telling]callback),
		queues:        []*queue{{account: "acme", took: make(map[string][]string)}, {account: "globex"}},
		tenures:       map[int32][]int64{3: {9}, 4: {30}},
	}
	c := &call{place: place{account: "acme", conversation: "story", code: 1}, of: 1, route: routePlain, targets: []target{
		{receiverPrompt, schemas.RespondOnCallComplete},
		{receiverPrompt, schemas.RespondOnError},
		{receiverSlow, schemas.RespondOnConversationError},
		{receiverAway, schemas.RespondNever},
	}}
	t.rows = []row{{call: c, status: schemas.Error, account: "acme", conversation: "story", event: callPlace}}
	call := &schemas.CallResource{Status: schemas.Error}
	conversation := &schemas.ConversationResource{Status: schemas.ConversationError}
	t.tell(telling{callPlace, t.at.of("acme", receiverPrompt)}, 2, schemas.Callback{Call: call})
	t.tell(telling{conversationPlace, t.at.of("acme", receiverSlow)}, 1, schemas.Callback{Conversation: conversation})
	t.queues[0].took[callPlace] = []string{"Error"}
	t.queues[0].took[conversationPlace] = []string{"Error"}
	return t
}

// tell adds a callback that came so often.
func (t *tellings) tell(what telling, came int, said schemas.Callback) {
	t.callbacks[what] = callback{came: came, taken: 1, said: said}
	t.deliveries = append(t.deliveries, deliveryRow{what, schemas.Delivered, "", came})
}

// change changes what came of the first telling.
func (t *tellings) change(to func(*callback)) {
	c := t.callbacks[t.deliveries[0].telling]
	to(&c)
	t.callbacks[t.deliveries[0].telling] = c
}

// Each rule is broken by what it is there for, and by nothing else.
func TestTellingRules(t *testing.T) {
	t.Parallel()
	nothing := telling{"3-19", "http://a:1/acme/prompt"}
	for _, c := range []struct {
		name   string
		tamper func(*tellings)
		want   []rule
	}{
		{"all is well", func(*tellings) {}, nil},
		{"it never came", func(t *tellings) { delete(t.callbacks, t.deliveries[0].telling) }, []rule{ruleTold}},
		{"it was never taken", func(t *tellings) { t.change(func(c *callback) { c.taken = 0 }) }, []rule{ruleTold}},
		{"it says something else", func(t *tellings) {
			t.change(func(c *callback) { c.said.Call = &schemas.CallResource{Status: schemas.OK} })
		}, []rule{ruleSays}},
		{"it is not recorded", func(t *tellings) { t.deliveries = t.deliveries[1:] }, []rule{ruleDelivery}},
		{"it was given up", func(t *tellings) { t.deliveries[0].status = schemas.Undelivered }, []rule{ruleDelivery}},
		{"it came for no reason", func(t *tellings) { t.callbacks[nothing] = callback{came: 1, taken: 1} }, []rule{ruleUnasked}},
		{"it is recorded for no reason", func(t *tellings) {
			t.deliveries = append(t.deliveries, deliveryRow{nothing, schemas.Delivered, "", 1})
		}, []rule{ruleUnaskedDelivery}},
		{"it came again, and nobody knows of it", func(t *tellings) { t.change(func(c *callback) { c.came = 3 }) }, []rule{ruleRepeated}},
		{"it came again by the next owner", func(t *tellings) {
			t.change(func(c *callback) { c.came, c.taken = 3, 2 })
			t.tenures[3] = []int64{9, 17}
		}, nil},
		{"an end is not in the queue", func(t *tellings) { delete(t.queues[0].took, callPlace) }, []rule{ruleQueueLost}},
		{"an end is there twice", func(t *tellings) {
			q := t.queues[0]
			q.took[callPlace] = append(q.took[callPlace], q.took[callPlace]...)
		}, []rule{ruleQueueTwice}},
		{"an end is in the queue of another account", func(t *tellings) { t.queues[1].took = t.queues[0].took }, []rule{ruleQueueStrange}},
		{"a transaction says something else", func(t *tellings) {
			t.queues[0].took[callPlace][0] = "OK"
		}, []rule{ruleSays}},
		{"nobody wanted to be told", func(t *tellings) { t.rows[0].call.targets = nil }, []rule{ruleUnasked, ruleUnaskedDelivery}},
	} {
		e := wellTold()
		c.tamper(e)
		e.judge()
		if got := broken(e.checks); !slices.Equal(got, c.want) {
			t.Errorf("%s: broken are %q, want %q", c.name, got, c.want)
		}
	}
}

// A caller that acknowledges in its time gets what follows; what it only looked at comes again.
func TestQueueRules(t *testing.T) {
	t.Parallel()
	block := func(ids ...int64) (b []schemas.Transaction) {
		for _, id := range ids {
			b = append(b, schemas.Transaction{ID: id})
		}
		return b
	}
	for _, c := range []struct {
		name  string
		got   func(*queue)
		want  []rule
		taken int
	}{
		{"one after the other", func(q *queue) {
			q.take(block(1, 2))
			q.take(nil)
			q.take(block(5))
		}, nil, 3},
		{"looked at, and taken", func(q *queue) {
			q.peek(block(1, 2))
			q.peek(block(1))
			q.take(block(1, 2, 3))
		}, nil, 3},
		{"looked at, and gone", func(q *queue) {
			q.peek(block(1, 2))
			q.take(block(2, 3))
		}, []rule{rulePeeked}, 2},
		{"taken again", func(q *queue) {
			q.take(block(1, 2))
			q.take(block(2, 3))
		}, []rule{ruleQueued}, 4},
		{"out of order", func(q *queue) { q.take(block(2, 1)) }, []rule{ruleQueued}, 2},
	} {
		q := &queue{checks: newChecks(), took: make(map[string][]string)}
		c.got(q)
		if got := broken(q.checks); !slices.Equal(got, c.want) || q.n != c.taken {
			t.Errorf("%s: broken are %q, and %d were taken", c.name, got, q.n)
		}
	}
}
