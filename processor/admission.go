package processor

import (
	"cmp"
	"fmt"
	"time"

	"parley/processor/store"
	"parley/schemas"
)

// class is what the dispatcher knows of the conversations of a store.Class. While there is room for all, all are in
// memory. Beyond that each class may hold its share, and what is behind waits in the store's queue, so that neither a
// route that is down nor an account with a million calls keeps others out.
type class struct {
	store.Class
	line *line
	// held counts what is in memory, target is how much it was after the last look into the store.
	held, target int
	// behind has, per partition, the place in its queue up to which conversations were admitted; a partition that is
	// not in it has all of them admitted.
	behind map[int32]store.Queued
	// hungry is set while the class is among dispatcher.hungry.
	hungry bool
}

func (c *class) active() bool { return c.held > 0 || len(c.behind) > 0 }

const (
	// idleClassesMax bounds the classes that are remembered although they have nothing.
	idleClassesMax = 1_000
	// refillMax bounds how many conversations a fill admits from the queue, and delayedMax how many that were delayed of
	// each partition, so that the loop soon comes round.
	refillMax  = 2_000
	delayedMax = 1_000
)

func (d *dispatcher) classOf(id store.Class) *class {
	c, ok := d.classes[id]
	if !ok {
		if len(d.classes) > 2*d.active+idleClassesMax {
			d.forgetIdle()
		}
		c = &class{Class: id, line: d.lines.of(id.Route, d)}
		d.classes[id] = c
	}
	return c
}

func (d *dispatcher) forgetIdle() {
	for id, c := range d.classes {
		if !c.active() && !c.hungry {
			delete(d.classes, id)
		}
	}
}

// hold counts what a class has in memory.
func (d *dispatcher) hold(c *class, by int) {
	was := c.active()
	c.held += by
	d.recount(c, was)
	if by < 0 && len(c.behind) > 0 && 2*c.held <= c.target {
		d.feed(c)
	}
}

// follow sets how far a class was admitted of a partition; nil: all of it, or the partition is not ours.
func (d *dispatcher) follow(c *class, partition int32, to *store.Queued) {
	was := c.active()
	if to == nil {
		delete(c.behind, partition)
	} else {
		if c.behind == nil {
			c.behind = make(map[int32]store.Queued)
		}
		c.behind[partition] = *to
	}
	d.recount(c, was)
}

func (d *dispatcher) recount(c *class, was bool) {
	switch is := c.active(); {
	case is && !was:
		d.active++
	case was && !is:
		d.active--
	}
}

// feed has the next fill look into the store for a class.
func (d *dispatcher) feed(c *class) {
	if !c.hungry {
		c.hungry = true
		d.hungry = append(d.hungry, c)
	}
}

// room is how many more conversations a class may have in memory: what is free of all, or what is left of its share.
func (d *dispatcher) room(c *class) int {
	share := max(1, d.cfg.AdmittedMax/max(1, d.active))
	return max(share-c.held, d.cfg.AdmittedMax-d.running.len())
}

// admits reports whether a conversation that is new in a class can be admitted: there is room, and none before it waits
// in the store.
func (d *dispatcher) admits(t *tenure, c *class, partition int32) bool {
	_, behind := c.behind[partition]
	return !t.unread && !behind && d.room(c) > 0
}

// postpone leaves a conversation in the store's queue, where its turn comes.
func (d *dispatcher) postpone(c *class, partition int32, at store.Queued) {
	before := store.Queued{Ready: at.Ready} // no conversation's key is empty: the conversation is behind it
	if to, ok := c.behind[partition]; ok && cmp.Or(cmp.Compare(to.Ready, before.Ready), cmp.Compare(to.Conversation, before.Conversation)) <= 0 {
		return // it is read anyway
	}
	d.follow(c, partition, &before)
	c.target = max(c.target, c.held)
	if 2*c.held <= c.target {
		d.feed(c)
	}
}

// fill admits what has been delayed long enough, and more of the store's queue where there is room. It is called when no
// turn is under way.
func (d *dispatcher) fill() error {
	if err := d.undefer(); err != nil {
		return fmt.Errorf("let go of deferred calls: %w", err)
	}
	now := time.Now()
	for partition, t := range d.owned {
		if err := d.survey(partition, t); err != nil {
			return fmt.Errorf("read queue of partition %d: %w", partition, err)
		}
		if err := d.fallDue(partition, t, now); err != nil {
			return fmt.Errorf("read delayed attempts of partition %d: %w", partition, err)
		}
	}
	return d.refill()
}

// next is when fill has something to do; the zero time: nobody knows.
func (d *dispatcher) next() time.Time {
	if len(d.hungry) > 0 {
		return time.Now()
	}
	var at time.Time
	for _, t := range d.owned {
		if t.unread {
			return time.Now()
		}
		at = earliest(at, t.due)
	}
	return at
}

// undefer lets go of conversations that are known to wait for an answer.
func (d *dispatcher) undefer() error {
	for _, w := range d.deferring {
		if d.running.of(w.key) != w {
			continue
		}
		s, err := d.store.Conversation(w.partition, w.key)
		if err != nil {
			return err
		}
		if !s.Turn.AnswerBy.IsZero() { // else it was not committed, and is heard of again
			d.letGo(w)
		}
	}
	clear(d.deferring)
	d.deferring = d.deferring[:0]
	return nil
}

// survey learns which classes wait in a partition that was just adopted.
func (d *dispatcher) survey(partition int32, t *tenure) error {
	if !t.unread {
		return nil
	}
	classes, err := d.store.Classes(partition)
	if err != nil {
		return err
	}
	t.unread, t.due = false, time.Now()
	for _, id := range classes {
		c := d.classOf(id)
		d.follow(c, partition, new(store.Queued))
		d.feed(c)
	}
	return nil
}

// refill reads on in the queues of the classes that have run half empty.
func (d *dispatcher) refill() error {
	hungry, most := d.hungry, d.running.len()+refillMax
	d.hungry = nil
	for i, c := range hungry {
		if d.running.len() >= most {
			d.hungry = append(d.hungry, hungry[i:]...)
			return nil
		}
		c.hungry = false
		if err := d.refillClass(c); err != nil {
			return fmt.Errorf("read queue of route %q: %w", c.Route, err)
		}
		if c.target = c.held; len(c.behind) > 0 && d.room(c) > c.held {
			d.feed(c) // it is not half full yet
		}
	}
	return nil
}

// refillClass reads so much of each partition that what there is room for is shared.
func (d *dispatcher) refillClass(c *class) error {
	n := (min(d.room(c), refillMax) + len(c.behind) - 1) / max(1, len(c.behind))
	for partition, from := range c.behind {
		if d.room(c) <= 0 {
			return nil
		}
		queue, err := d.store.Queue(partition, c.Class, from, n)
		if err != nil {
			return err
		}
		if len(queue) < n {
			d.follow(c, partition, nil)
		} else {
			d.follow(c, partition, &queue[n-1])
		}
		for _, q := range queue {
			if err := d.admitQueued(c, partition, q); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *dispatcher) admitQueued(c *class, partition int32, q store.Queued) error {
	if d.running.of(q.Conversation) != nil {
		return nil
	}
	s, err := d.store.Conversation(partition, q.Conversation)
	if err != nil {
		return err
	}
	d.admit(d.workOf(d.owned[partition], c, release{partition: partition, key: q.Conversation, state: s}, 0))
	return nil
}

// delay takes note that something of the partition falls due at a time.
func (t *tenure) delay(until time.Time) {
	t.due = earliest(t.due, until)
	// The store knows times in milliseconds: behind passed is what falls due in a later one.
	if until.Before(t.passed.At.Add(time.Millisecond)) { // as when the turn took long, or clocks are set back
		t.passed = store.Timer{At: until.Add(-time.Millisecond)}
	}
}

// fallDue admits what has been delayed long enough.
func (d *dispatcher) fallDue(partition int32, t *tenure, now time.Time) error {
	if t.unread || t.due.IsZero() || now.Before(t.due) {
		return nil
	}
	timers, err := d.store.Delayed(partition, t.passed, delayedMax)
	if err != nil {
		return err
	}
	t.due = time.Time{}
	for _, timer := range timers {
		if timer.At.After(now) {
			t.due = timer.At
			return nil
		}
		t.passed = timer
		if err := d.isDue(partition, timer.Conversation, now); err != nil {
			return err
		}
	}
	if len(timers) == delayedMax {
		t.due = now
	}
	return nil
}

// isDue does for one conversation what it was delayed for.
func (d *dispatcher) isDue(partition int32, key schemas.ConversationKey, now time.Time) error {
	s, err := d.store.Conversation(partition, key)
	if err != nil {
		return err
	}
	r := release{partition: partition, key: key, state: s}
	t, c, w := d.owned[partition], d.classOf(store.ClassOf(key, s)), d.running.of(key)
	switch {
	case !s.Turn.LostAt.IsZero():
		if w == nil || !w.is(begun) {
			d.mailbox.put(finished{kind: attemptLost, work: d.workOf(t, c, r, 0), at: now})
		}
		return nil
	case w != nil:
		return nil
	}
	d.changed(key)
	if d.admits(t, c, partition) {
		d.admit(d.workOf(t, c, r, 0))
		return nil
	}
	if err := d.store.Requeue(partition, key, s); err != nil {
		return err
	}
	d.postpone(c, partition, store.Queued{Ready: s.Ready, Conversation: key})
	return nil
}
