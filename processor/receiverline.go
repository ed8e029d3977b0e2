package processor

import (
	"maps"
	"slices"
	"time"

	"parley/processor/delivery"
	"parley/processor/notify"
	"parley/processor/store"
)

// receiverLine is what is due to one receiver. The notifier's mu guards it.
type receiverLine struct {
	to store.Receiver
	// queue waits for an attempt, in the order in which it fell due; held has those and what is under way or not committed;
	// true: the attempt has ended.
	queue []heldDelivery
	held  map[deliveryRef]bool
	// behind is from where on the store has more that is due, of each partition.
	behind map[int32]store.DueDelivery
	// busy is how many attempts are under way, and bytes how much they tell.
	busy  int
	bytes int64
	// failing is set while the last attempt that ended had failed.
	failing bool
	// until is before when the receiver wants to be left alone; zero: it has not said so.
	until time.Time
	// starved is set while the line is among notifier.starved, fed while it is among notifier.hungry.
	starved, fed bool
}

// deliveryRef is a delivery.
type deliveryRef struct {
	partition int32
	id        store.DeliveryID
}

// heldDelivery is a delivery that waits for its attempt.
type heldDelivery struct {
	deliveryRef
	// bytes is how long its notice is, at the most.
	bytes  int64
	tenure *deliveryTenure
}

// take has a delivery that is due wait; false: it is held already, or waits in the store.
func (l *receiverLine) take(d heldDelivery, due time.Time) bool {
	if l.has(d.deliveryRef) {
		return false
	}
	from, waits := l.behind[d.partition]
	if !waits && len(l.held) < receiverHeldMax {
		l.hold(d)
		return true
	}
	// The store knows times in milliseconds.
	if before := due.Truncate(time.Millisecond).Add(-time.Millisecond); !waits || before.Before(from.At) {
		l.behind[d.partition] = store.DueDelivery{At: before}
	}
	return false
}

func (l *receiverLine) hold(d heldDelivery) {
	if l.has(d.deliveryRef) {
		return
	}
	l.held[d.deliveryRef] = false
	l.queue = append(l.queue, d)
}

func (l *receiverLine) has(ref deliveryRef) bool {
	_, held := l.held[ref]
	return held
}

// letGo forgets a delivery: what came of its attempt is committed.
func (l *receiverLine) letGo(ref deliveryRef) { delete(l.held, ref) }

// drop forgets what there is of a partition that is not ours any more.
func (l *receiverLine) drop(partition int32) {
	delete(l.behind, partition)
	l.queue = slices.DeleteFunc(l.queue, func(d heldDelivery) bool { return d.partition == partition })
	maps.DeleteFunc(l.held, func(ref deliveryRef, _ bool) bool { return ref.partition == partition })
}

// hungry reports whether the line has run half empty, and there is more in the store.
func (l *receiverLine) hungry() bool { return len(l.behind) > 0 && 2*len(l.held) <= receiverHeldMax }

// full reports whether the first in the queue must wait for attempts of the line to end.
func (l *receiverLine) full() bool {
	return l.busy >= l.places() || l.busy > 0 && l.bytes+l.queue[0].bytes > receiverBytesMax
}

func (l *receiverLine) places() int {
	if l.failing {
		return receiverPlacesFailing
	}
	return ReceiverPlaces
}

// heard takes note of what an attempt tells of the receiver.
func (l *receiverLine) heard(t told) {
	if ref := (deliveryRef{partition: t.partition, id: t.id}); l.has(ref) {
		l.held[ref] = true
	}
	later := t.verdict.Kind == notify.Later
	if !later {
		l.failing = t.verdict.Kind == notify.Again
	}
	if after := t.verdict.RetryAfter; (later || l.failing) && after > 0 {
		l.until = t.at.Add(min(after, delivery.PauseMax))
	}
}
