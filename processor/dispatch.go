package processor

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
)

// dispatcher carries out what the loop releases, in the order that each route's line says. It holds a bounded number
// of conversations in memory; the others wait in the store's queue and are admitted when there is room. The loop owns
// it; executions share with it the lines, the mailbox, and what is safe for concurrent use.
//
// An attempt is in memory from its release, or its admission, until its conversation has ended, is delayed or waits for
// an answer, or its partition is dropped.
type dispatcher struct {
	cfg     *Config
	store   *store.Store
	mailbox *mailbox
	lease   *lease         // nil: nobody else could have the partitions
	lost    func(finished) // nil: nobody is to know
	changed func(schemas.ConversationKey)
	metrics *routeMetrics
	batches BatchExecutor // nil: the executor makes none
	running *running
	lines   *lines
	// ctx ends with the dispatcher; group waits for its goroutines and alarms.
	ctx   context.Context //nolint:containedctx // it is the life of the executions, which begin long after newDispatcher
	end   context.CancelFunc
	group sync.WaitGroup
	// stopped is set while nothing may begin.
	stopped atomic.Bool

	owned   map[int32]*tenure
	classes map[store.Class]*class
	// active counts the classes that have something in memory, or more in the store.
	active int
	// hungry are classes that have run half empty and have more in the store.
	hungry []*class
	// uncommitted are the attempts that were released early in a turn that is not committed; deferring those that were
	// said to be Deferred.
	uncommitted []*work
	deferring   []*work
	// heldBytes is the size of the payloads that wait in memory.
	heldBytes int
}

// heldBytesMax bounds the payloads that wait in memory; further ones are read from the store when their turn comes.
const heldBytesMax = 64 << 20

// dispatchOptions are what a dispatcher can do without. The zero value is good for tests.
type dispatchOptions struct {
	// lease is asked before each attempt. Nil: it is held for ever.
	lease *lease
	// lost is told, from any goroutine, what came of attempts whose partition is not ours any more. It must not wait.
	lost func(finished)
	// changed is told, from any goroutine, of conversations whose status may be another although their state is not: an
	// attempt begins, or may begin. It is called with locks held. Nil: nobody is to know.
	changed func(schemas.ConversationKey)
	// metrics outlive the dispatcher. Nil: nobody sees them.
	metrics *routeMetrics
}

// tenure is the time for which a partition is ours.
type tenure struct {
	fence int64
	over  atomic.Bool
	// unread is set until the partition's queue has been looked at for the first time.
	unread bool
	// due is when something falls due that is delayed; zero: nothing is known to. What is delayed up to passed was taken.
	due    time.Time
	passed store.Timer
}

func newDispatcher(cfg *Config, s *store.Store, m *mailbox, o dispatchOptions) *dispatcher {
	if o.metrics == nil {
		o.metrics = newRouteMetrics(prometheus.NewRegistry())
	}
	if o.changed == nil {
		o.changed = func(schemas.ConversationKey) {}
	}
	d := &dispatcher{
		cfg:     cfg,
		store:   s,
		mailbox: m,
		lease:   o.lease,
		lost:    o.lost,
		changed: o.changed,
		metrics: o.metrics,
		running: newRunning(),
		lines:   &lines{by: make(map[string]*line)},
		owned:   make(map[int32]*tenure),
		classes: make(map[store.Class]*class),
	}
	d.batches, _ = cfg.Executor.(BatchExecutor)
	d.ctx, d.end = context.WithCancel(context.Background())
	d.metrics.follow(d.lines)
	return d
}

// close cancels all executions and waits for them. What they still had to say, and what the mailbox holds, goes to Lost.
func (d *dispatcher) close() {
	d.metrics.follow(nil)
	for _, t := range d.owned {
		t.over.Store(true)
	}
	d.lines.close()
	d.end()
	d.group.Wait()
	for _, f := range d.mailbox.take() {
		d.strand(f)
	}
}

// adopt takes up a partition with the fence of its new tenure: its queue, from the first, and what is delayed.
func (d *dispatcher) adopt(partition int32, fence int64) {
	d.owned[partition] = &tenure{fence: fence, unread: true}
}

// drop gives a partition up: nothing of it begins any more. What is under way ends in its time, and goes to Lost.
func (d *dispatcher) drop(partition int32) {
	t, ok := d.owned[partition]
	if !ok {
		return
	}
	t.over.Store(true)
	delete(d.owned, partition)
	for _, w := range d.running.works {
		if w.tenure == t {
			d.letGo(w)
		}
	}
	for _, c := range d.classes {
		d.follow(c, partition, nil)
	}
}

// release takes an attempt that may begin: its intent is committed.
func (d *dispatcher) release(r release) {
	t, ok := d.owned[r.partition]
	if !ok {
		return
	}
	if until := r.state.DelayedUntil(); !until.IsZero() {
		d.ended(r.key) // it is admitted again in its time
		t.delay(until)
		return
	}
	c := d.classOf(store.ClassOf(r.key, r.state))
	before := d.running.of(r.key)
	if before == nil && !d.admits(t, c, r.partition) {
		d.postpone(c, r.partition, store.Queued{Ready: r.state.Ready, Conversation: r.key})
		return
	}
	d.replace(before)
	d.admit(d.workOf(t, c, r, heldBytesMax))
}

// early takes an attempt before its intent is committed, if it is likely to begin at once. false: release it after the
// commit. If the turn comes to nothing, retract is to be called for it.
func (d *dispatcher) early(r release) bool {
	t, ok := d.owned[r.partition]
	if !ok || r.call == nil || d.heldBytes >= heldBytesMax {
		return false
	}
	c := d.classOf(store.ClassOf(r.key, r.state))
	before := d.running.of(r.key)
	if before == nil && !d.admits(t, c, r.partition) || !c.line.flows() {
		return false
	}
	w := d.workOf(t, c, r, math.MaxInt) // the store does not have it
	w.uncommitted, w.before = true, before
	d.uncommitted = append(d.uncommitted, w)
	d.replace(before)
	d.admit(w)
	return true
}

// retract undoes the last early of a conversation: the attempt that was there before stands again. If the one that is
// retracted has begun, what it says is not heard.
func (d *dispatcher) retract(key schemas.ConversationKey) {
	w := d.running.of(key)
	if w == nil || !w.uncommitted {
		return
	}
	before := w.before
	w.retracted, w.uncommitted, w.before = true, false, nil
	d.letGo(w)
	if before != nil {
		d.running.set(before)
		d.hold(before.class, 1)
		d.restore(key)
	}
	d.changed(key)
}

// settle is called at the end of each turn: what it released early is committed, or has been retracted.
func (d *dispatcher) settle() {
	for _, w := range d.uncommitted {
		w.uncommitted, w.before = false, nil
	}
	clear(d.uncommitted)
	d.uncommitted = d.uncommitted[:0]
}

// begin carries out an attempt that holds its place: that it begins is committed.
func (d *dispatcher) begin(key schemas.ConversationKey) {
	if w := d.running.of(key); w != nil && w.is(holding) {
		w.line.Load().carryOut(w)
	}
}

// withdraw keeps a conversation's attempt from beginning. false: it has begun.
func (d *dispatcher) withdraw(key schemas.ConversationKey) bool {
	w := d.running.of(key)
	if w == nil {
		return true // nothing is admitted before the turn is over
	}
	if w.moves(waiting, withdrawn) {
		w.line.Load().leave(w)
	}
	return !w.is(begun)
}

// recall keeps a conversation's attempt from beginning as withdraw does, and takes its place on the route from it: what is
// to begin is another attempt, with another payload. false: it has begun.
func (d *dispatcher) recall(key schemas.ConversationKey) bool {
	w := d.running.of(key)
	if w == nil {
		return true
	}
	for w.is(waiting) || w.is(holding) { // it may come from the one to the other meanwhile
		if w.moves(waiting, withdrawn) || w.is(holding) {
			w.line.Load().leave(w)
		}
	}
	return !w.is(begun)
}

// restore undoes a withdraw.
func (d *dispatcher) restore(key schemas.ConversationKey) {
	if w := d.running.of(key); w != nil && w.moves(withdrawn, waiting) {
		w.line.Load().join(w)
	}
}

// ended lets go of a conversation, which does not wait for an attempt any more.
func (d *dispatcher) ended(key schemas.ConversationKey) {
	if w := d.running.of(key); w != nil {
		d.letGo(w)
	}
}

// heard takes note of what has come of an attempt, when the loop takes it up. false: it does not count, or not yet.
func (d *dispatcher) heard(f finished) bool {
	w := f.work
	if f.record != nil && !w.taken { // it may come again, after an aborted turn
		w.taken = true
		w.line.Load().taken()
	}
	switch {
	case w.tenure.over.Load():
		d.strand(f)
		return false
	case w.retracted:
		return false
	case f.kind == attemptBegins && d.stopped.Load():
		w.line.Load().back(w)
		return false
	case f.kind == attemptBegins:
		return w.is(holding) && f.lostAt.Equal(w.lostAt)
	case f.outcome.Kind == conversation.Deferred:
		d.deferring = append(d.deferring, w)
	}
	d.drain(w)
	return true
}

// busy is how many requests are under way.
func (d *dispatcher) busy() int {
	n := 0
	for _, l := range d.lines.all() {
		n += l.size()
	}
	return n
}

// stop lets what is under way finish, and nothing begin, until resume.
func (d *dispatcher) stop() { d.stopped.Store(true) }

func (d *dispatcher) resume() {
	d.stopped.Store(false)
	for _, l := range d.lines.all() {
		l.look()
	}
}

// leased reports whether our partitions are sure to be ours.
func (d *dispatcher) leased(now time.Time) bool { return d.lease == nil || d.lease.holds(now) }

// paused reports whether a route is in maintenance.
func (d *dispatcher) paused(route string) bool { return d.cfg.Paused != nil && d.cfg.Paused(route) }

// workOf is the attempt that a release speaks of. Its payload is kept if all that are kept have at most so many bytes.
func (d *dispatcher) workOf(t *tenure, c *class, r release, bytesMax int) *work {
	w := &work{
		partition:  r.partition,
		tenure:     t,
		key:        r.key,
		attempt:    r.state.InTurn(),
		class:      c,
		ready:      r.state.Ready,
		readyAt:    r.state.ReadyAt,
		acceptedAt: r.state.AcceptedAt,
		startBy:    !r.state.StartBy.IsZero(),
	}
	if r.call != nil {
		if size := proto.Size(r.call); size <= bytesMax-d.heldBytes {
			w.call, w.held = r.call, size
		}
	}
	return w
}

// admit has an attempt stand for its conversation, and wait in the line of its route.
func (d *dispatcher) admit(w *work) {
	d.heldBytes += w.held
	d.running.set(w)
	d.hold(w.class, 1)
	w.class.line.join(w)
}

// replace lets go of an attempt that another one is about to stand for.
func (d *dispatcher) replace(w *work) {
	if w == nil {
		return
	}
	if w.moves(waiting, withdrawn) || w.is(holding) {
		w.line.Load().leave(w)
	}
	d.drain(w)
	d.hold(w.class, -1)
}

func (d *dispatcher) letGo(w *work) {
	d.replace(w)
	d.running.remove(w.key)
}

// drain takes note that an attempt needs its payload in memory no more.
func (d *dispatcher) drain(w *work) {
	d.heldBytes -= w.held
	w.held = 0
}
