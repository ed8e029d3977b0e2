package sim

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"parley/processor/notify"
	"parley/schemas"
)

// targets are whom each call of a run names: every end is told to the first, errors to the second too, and ends of
// conversations to the third.
const targets = `[
	{"responseType":"HTTPPost","responseAddress":"https://calls/","respondWhen":"OnCallComplete"},
	{"responseType":"HTTPPost","responseAddress":"https://errors/","respondWhen":"OnError","includeResults":true},
	{"responseType":"HTTPPost","responseAddress":"https://conversations/","respondWhen":"OnConversationComplete","includeResults":true,"includeObjects":true}
]`

// receiver is told of ends, by all processes. Some it takes only when they come again, and some never.
type receiver struct {
	world *world

	mu sync.Mutex
	// came counts the attempts of each delivery that reached it, taken those that it took, by what was told to whom.
	came  map[string]int
	taken map[string]int
}

// receiverOf is the receiver as one process reaches it.
type receiverOf struct {
	*receiver
	process *process
}

// Send is a notify.Sender.
func (r receiverOf) Send(ctx context.Context, n *notify.Notification) notify.Verdict {
	p, again := r.process, notify.Verdict{Kind: notify.Again, Code: "Unavailable", Message: "cancelled"}
	if p.isDead() || p.springs(crashEffect) {
		<-ctx.Done() // it never left
		return again
	}
	lot := r.world.dice.hash(n.ID)
	select {
	case <-time.After(time.Millisecond + time.Duration(lot%uint64(50*time.Millisecond))):
	case <-ctx.Done():
		return again
	}
	v := r.comes(n, lot)
	if p.isDead() || p.springs(crashOutcome) {
		<-ctx.Done() // its process never hears of it
		return again
	}
	return v
}

func (r *receiver) comes(n *notify.Notification, lot uint64) notify.Verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	what := n.Sequence + " " + n.Target.ResponseAddress
	r.came[what]++
	switch {
	case lot%16 == 0:
		return notify.Verdict{Kind: notify.Refused, Code: "Unwanted"}
	case lot%4 == 1 && r.came[what] < 3:
		return notify.Verdict{Kind: notify.Again, Code: "Unavailable", Message: "not yet"}
	}
	r.taken[what]++
	return notify.Verdict{Kind: notify.Taken}
}

// deliveries: each end is told to whom it concerns, and how that ended is recorded, once; who is said to have been told, was.
func (f *findings) deliveries(no verdict) {
	ends := make(map[string]int)
	for _, e := range f.log {
		d := e.GetDelivery()
		if d == nil {
			continue
		}
		what := fmt.Sprintf("%d-%d %s", e.Partition, d.About, d.ResponseAddress)
		ends[what]++
		if delivered := d.Status == string(schemas.Delivered); delivered != (f.receiver.taken[what] > 0) || !delivered && f.receiver.came[what] == 0 {
			no("who is said to have been told was", e.of(), "%s is %s; it came %d times, and was taken %d", what, d.Status, f.receiver.came[what], f.receiver.taken[what])
		}
		owners := 0 // behind the event: each may repeat an attempt of which the one before it has recorded nothing
		for _, at := range f.tenures[e.Partition] {
			if at >= d.About {
				owners++
			}
		}
		if came := f.receiver.came[what]; came > int(d.Attempts)+owners {
			no("an attempt is made again by a next owner alone", e.of(), "%s came %d times, by %d attempts and %d next owners", what, came, d.Attempts, owners)
		}
	}
	for _, e := range f.events {
		for address, concerned := range e.concerns() {
			what := schemas.SequenceOf(e.ResultEvent) + " " + address
			if got := ends[what]; got != 1 && concerned || got != 0 && !concerned {
				no("each end is told once to whom it concerns", e.of(), "%s: %d deliveries", what, got)
			}
			delete(ends, what)
		}
	}
	for what, n := range ends {
		no("each end is told once to whom it concerns", "", "%d deliveries of nothing: %s", n, what)
	}
	for id, s := range f.states {
		if s.Deliveries != 0 {
			no("the counters are true", "", "partition %d counts %d deliveries that have not ended", id, s.Deliveries)
		}
	}
	for key := range f.untold {
		no("nothing is kept of what was told", "", "%q", key)
	}
}

// concerns says of each target whether it is told of the event.
func (e event) concerns() map[string]bool {
	c := e.GetCall()
	failed := c.GetStatus() == string(schemas.Error) || c.GetStatus() == string(schemas.HasErrors)
	return map[string]bool{"https://calls/": c != nil, "https://errors/": failed, "https://conversations/": c == nil}
}

// isTold reports whether a record of the changelog holds something that is to be told.
func isTold(key string) bool { return key != "" && strings.ContainsAny(key[:1], "hkv") }
