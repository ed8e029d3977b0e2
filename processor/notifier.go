package processor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"parley/processor/notify"
	"parley/processor/store"
)

const (
	// ReceiverPlaces is how many attempts may be under way to one receiver, receiverPlacesFailing when the last one to end has
	// failed: who does not answer holds few of attemptsMax.
	ReceiverPlaces        = 32
	receiverPlacesFailing = 2
	// receiverHeldMax bounds the deliveries to one receiver that are in memory; the others are in the store.
	receiverHeldMax = 256
	// receiversMax bounds the receivers to whom something is due, as far as they are in memory.
	receiversMax = 16_384
	// attemptsMax bounds the attempts that are under way, attemptBytesMax what they tell, as it is in the state: in memory it is
	// there as resources and as JSON, too. Most have some hundred bytes, none more than about noticeBytesMax.
	attemptsMax     = 512
	attemptBytesMax = 64 << 20
	// receiverBytesMax bounds what is told to one receiver of it, unless that is one notice.
	receiverBytesMax = attemptBytesMax / 4
	// attemptTimeout bounds an attempt.
	attemptTimeout = 15 * time.Second
	// dueMax is how many deliveries that fall due are read at once.
	dueMax = 1_000
)

// notifier makes the attempts at deliveries that are due. A line for each receiver holds a bounded number of them, the others
// stay in the store, so that one who is slow or dead keeps nobody else waiting. The loop owns it; attempts share with it what
// mu guards.
//
// A delivery is held from its release, or since it was found due, until the loop has committed what came of the attempt.
type notifier struct {
	cfg     *Config
	store   *store.Store
	leased  func(time.Time) bool
	wake    func() // makes the loop come round
	metrics *deliveryMetrics
	// ctx ends with the notifier; group waits for its attempts.
	ctx   context.Context //nolint:containedctx // it is the life of the attempts, which begin long after newNotifier
	end   context.CancelFunc
	group sync.WaitGroup

	mu sync.Mutex
	// owned is changed by the loop alone.
	owned     map[int32]*deliveryTenure
	receivers map[store.Receiver]*receiverLine
	// underway is how many attempts are, and bytes how much they tell.
	underway int
	bytes    int64
	// starved are lines that could begin something but for attemptsMax and attemptBytesMax, in that order.
	starved []*receiverLine
	// hungry are lines that have run half empty and have more in the store; blocked are those that wait for lookAt: for what
	// nobody tells of, a receiver's Retry-After, or the lease. Zero: none does.
	hungry  []*receiverLine
	blocked map[*receiverLine]struct{}
	lookAt  time.Time
	// crowded is set when a receiver had no place among receiversMax.
	crowded bool
	stopped bool
	heard   []told
}

// deliveryTenure is the time for which a partition is ours.
type deliveryTenure struct {
	over atomic.Bool
	// begun is when the first turn of it was made, in milliseconds, as the store knows times.
	begun time.Time
	// due is when a delivery falls due; zero: none is known to. Those up to passed were taken.
	due    time.Time
	passed store.DueDelivery
}

func newNotifier(cfg *Config, s *store.Store, leased func(time.Time) bool, wake func(), m *deliveryMetrics) *notifier {
	n := &notifier{
		cfg:       cfg,
		store:     s,
		leased:    leased,
		wake:      wake,
		metrics:   m,
		owned:     make(map[int32]*deliveryTenure),
		receivers: make(map[store.Receiver]*receiverLine),
		blocked:   make(map[*receiverLine]struct{}),
	}
	n.ctx, n.end = context.WithCancel(context.Background())
	return n
}

// close ends the attempts and waits for them. What is not recorded of them is tried again by whoever owns the partitions
// next.
func (n *notifier) close() {
	n.stop()
	n.end()
	n.group.Wait()
	n.metrics.receivers.Set(0)
}

// stop lets nothing more begin.
func (n *notifier) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = true
}

// busy is how many attempts are under way, or have something to say.
func (n *notifier) busy() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.underway + len(n.heard)
}

// take returns what attempts had to say since the last time.
func (n *notifier) take() []told {
	n.mu.Lock()
	defer n.mu.Unlock()
	heard := n.heard
	n.heard = nil
	return heard
}

// put gives back what take returned, of a turn that came to nothing.
func (n *notifier) put(heard []told) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.heard = append(heard, n.heard...)
}

// adopt takes up a partition by a turn that was made at a time: all its deliveries, as they are due.
func (n *notifier) adopt(partition int32, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.owned[partition] = &deliveryTenure{begun: at.Truncate(time.Millisecond), due: at}
}

// drop gives a partition up: no attempt of it begins any more.
func (n *notifier) drop(partition int32) {
	t, ok := n.owned[partition]
	if !ok {
		return
	}
	t.over.Store(true)
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.owned, partition)
	for _, l := range n.receivers {
		l.drop(partition)
		n.look(l)
	}
}

// release takes note of what a committed turn says of a delivery: it may be attempted, at a time, or has ended.
func (n *notifier) release(partition int32, r telling) {
	t, ok := n.owned[partition]
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if l := n.receivers[r.receiver]; l != nil {
		l.letGo(deliveryRef{partition: partition, id: r.id})
		n.look(l)
	}
	switch {
	case r.due.IsZero():
	case r.due.After(now):
		t.delay(r.due)
	default:
		n.admit(heldDelivery{deliveryRef{partition, r.id}, int64(r.bytes), t}, r.receiver, r.due)
	}
}

// delay takes note that a delivery falls due at a time.
func (t *deliveryTenure) delay(until time.Time) {
	t.due = earliest(t.due, until)
	// The store knows times in milliseconds: behind passed is what falls due in a later one.
	if until.Before(t.passed.At.Add(time.Millisecond)) {
		t.passed = store.DueDelivery{At: until.Add(-time.Millisecond)}
	}
}

// admit has a delivery that is due wait in the line of its receiver, or in the store if there is no room.
func (n *notifier) admit(d heldDelivery, to store.Receiver, due time.Time) {
	l := n.receivers[to]
	if l == nil {
		if len(n.receivers) >= receiversMax {
			n.crowded = true
			d.tenure.delay(due)
			return
		}
		l = &receiverLine{to: to, held: make(map[deliveryRef]bool), behind: make(map[int32]store.DueDelivery)}
		n.receivers[to] = l
		n.metrics.receivers.Set(float64(len(n.receivers)))
	}
	if l.take(d, due) {
		n.begin(l)
	}
	n.look(l)
}

// look takes note of a line that has room for more of the store, and forgets that of a receiver to whom nothing is due.
func (n *notifier) look(l *receiverLine) {
	if n.receivers[l.to] != l {
		return // it was forgotten with a partition, and something still knew it; its receiver may have another by now
	}
	if l.hungry() && !l.fed {
		l.fed = true
		n.hungry = append(n.hungry, l)
	}
	switch {
	case len(l.held) > 0 || len(l.behind) > 0:
		return
	case time.Now().Before(l.until): // it is kept for that
		n.block(l, l.until)
		return
	}
	delete(n.receivers, l.to)
	n.metrics.receivers.Set(float64(len(n.receivers)))
	if n.crowded && len(n.receivers) < receiversMax/2 {
		n.crowded = false
	}
}

// fill finds what has fallen due, and more of what waits in the store where there is room. It is called when no turn is under
// way.
func (n *notifier) fill() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return nil
	}
	now := time.Now()
	for partition, t := range n.owned {
		if err := n.fallDue(partition, t, now); err != nil {
			return fmt.Errorf("read deliveries of partition %d: %w", partition, err)
		}
	}
	hungry := n.hungry
	n.hungry = nil
	for _, l := range hungry {
		l.fed = false
		if err := n.refill(l, now); err != nil {
			return fmt.Errorf("read deliveries to %q: %w", l.to.Name, err)
		}
		n.begin(l)
		n.look(l)
	}
	n.unblock(now)
	return nil
}

// block has a line looked at again at a time.
func (n *notifier) block(l *receiverLine, until time.Time) {
	n.blocked[l] = struct{}{}
	n.lookAt = earliest(n.lookAt, until)
}

// unblock looks at the lines again that wait for a time, when it has come for one of them.
func (n *notifier) unblock(now time.Time) {
	if n.lookAt.IsZero() || now.Before(n.lookAt) {
		return
	}
	blocked := n.blocked
	n.blocked, n.lookAt = make(map[*receiverLine]struct{}), time.Time{}
	for l := range blocked {
		n.begin(l)
		n.look(l)
	}
}

// next is when fill has something to do; the zero time: nobody knows.
func (n *notifier) next() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.lookAt
	if len(n.hungry) > 0 {
		return time.Now()
	}
	if n.crowded {
		return at // those whose line ends make the loop come round
	}
	for _, t := range n.owned {
		at = earliest(at, t.due)
	}
	return at
}

// fallDue admits the deliveries of a partition that have fallen due.
func (n *notifier) fallDue(partition int32, t *deliveryTenure, now time.Time) error {
	if n.crowded || t.due.IsZero() || now.Before(t.due) {
		return nil
	}
	due, err := n.store.Due(partition, t.passed, dueMax)
	if err != nil {
		return err
	}
	t.due = time.Time{}
	for _, d := range due {
		if d.At.After(now) {
			t.due = d.At
			return nil
		}
		t.passed = d.DueDelivery
		n.admit(heldDelivery{deliveryRef{partition, d.ID}, int64(d.Bytes), t}, d.Receiver, d.At)
		if n.crowded {
			return nil
		}
	}
	if len(due) == dueMax {
		t.due = now
	}
	return nil
}

// refill reads on in the deliveries of a receiver that has run half empty.
func (n *notifier) refill(l *receiverLine, now time.Time) error {
	for partition, from := range l.behind {
		room := receiverHeldMax - len(l.held)
		if room == 0 {
			return nil
		}
		due, err := n.store.DueOf(partition, l.to, from, now, room)
		if err != nil {
			return err
		}
		delete(l.behind, partition)
		for _, d := range due {
			l.hold(heldDelivery{deliveryRef{partition, d.ID}, int64(d.Bytes), n.owned[partition]})
		}
		if len(due) == room {
			l.behind[partition] = due[room-1].DueDelivery
		}
	}
	return nil
}

// begin makes the attempts of a line that may begin.
func (n *notifier) begin(l *receiverLine) {
	now := time.Now()
	for len(l.queue) > 0 && !l.full() && !n.stopped {
		switch {
		case now.Before(l.until):
			n.block(l, l.until)
			return
		case !n.leased(now):
			n.block(l, now.Add(lookAgain))
			return
		case n.full(l.queue[0]):
			if !l.starved {
				l.starved = true
				n.starved = append(n.starved, l)
			}
			return
		}
		d := l.queue[0]
		l.queue = l.queue[1:]
		l.busy++
		l.bytes += d.bytes
		n.underway++
		n.bytes += d.bytes
		n.group.Go(func() { n.attempt(l, d) })
	}
}

// full reports whether an attempt at a delivery must wait for others to end.
func (n *notifier) full(d heldDelivery) bool {
	return n.underway >= attemptsMax || n.underway > 0 && n.bytes+d.bytes > attemptBytesMax
}

// attempt tells a receiver, and leaves word of it for the loop.
func (n *notifier) attempt(l *receiverLine, d heldDelivery) {
	v, said := n.send(l, d)
	n.mu.Lock()
	defer n.mu.Unlock()
	l.busy--
	l.bytes -= d.bytes
	n.underway--
	n.bytes -= d.bytes
	switch {
	case d.tenure.over.Load() || n.ctx.Err() != nil:
		// Whoever owns the partition tries again: it is not held here any more.
	case !said:
		l.letGo(d.deliveryRef) // it has ended
	default:
		l.heard(v)
		n.heard = append(n.heard, v)
		n.wake()
	}
	for len(n.starved) > 0 && (len(n.starved[0].queue) == 0 || !n.full(n.starved[0].queue[0])) {
		first := n.starved[0]
		n.starved, first.starved = n.starved[1:], false
		n.begin(first)
	}
	n.begin(l)
	if n.crowded {
		n.wake()
	}
}

// send makes one attempt. false: there is nothing to tell any more.
func (n *notifier) send(l *receiverLine, d heldDelivery) (told, bool) {
	t := told{partition: d.partition, id: d.id, receiver: l.to}
	note, of, err := n.notification(d.deliveryRef, l)
	_, damaged := errors.AsType[*store.FormatError](err)
	switch {
	case damaged || err != nil && of.attempt == 0:
		t.err = fmt.Errorf("read notification %d of partition %d: %w", d.id.Sequence, d.partition, err)
		return t, true
	case err != nil:
		n.cfg.Log.Error("a notification cannot be made of the state; it is tried again", "partition", d.partition, "sequence", d.id.Sequence, "error", err)
		t.verdict = notify.Verdict{Kind: notify.Again, Code: "Internal", Message: "the notification cannot be made"}
		t.attempt, t.at = of.attempt, time.Now()
		return t, true
	case note == nil:
		return t, false
	}
	t.attempt, t.of = of.attempt, of.toldOf
	begun := time.Now()
	t.verdict = n.by(note)
	t.at = time.Now()
	n.metrics.tell(note, begun, of.begun, t)
	return t, true
}

// by hands a notification to the sender for its type of response.
func (n *notifier) by(note *notify.Notification) notify.Verdict {
	send, ok := n.cfg.Senders[note.Target.GetResponseType()]
	if !ok {
		return notify.Verdict{Kind: notify.Again, Code: "NoSender", Message: "this node does not tell anybody by " + note.Target.GetResponseType()}
	}
	ctx, cancel := context.WithTimeout(n.ctx, attemptTimeout)
	defer cancel()
	return send(ctx, note)
}
