package processor

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/processor/conversation"
	"parley/schemas"
)

// timersMax bounds the timers of one turn, of each kind.
const timersMax = 2_000

// timers applies the timers that the log has passed: everything appended before LogTime has been read, and a part
// that was forwarded has had its grace.
func (t *turn) timers(p *partTurn) error {
	read := p.tx.Meta.LogTime.Add(-t.cfg.ForwardGrace)
	if p.due.IsZero() || !read.After(p.due) {
		return nil
	}
	timers, err := t.store.Timers(p.id, p.due, timersMax)
	if err != nil {
		return err
	}
	var rest time.Time // the earliest timer of the store that is left
	if len(timers) == timersMax {
		rest = timers[timersMax-1].At
	}
	for _, timer := range timers {
		if !read.After(timer.At) {
			rest = timer.At
			break
		}
		if err := t.timeUp(p, timer.Conversation, read); err != nil {
			return err
		}
	}
	p.due = earliest(rest, p.set)
	return nil
}

func (t *turn) timeUp(p *partTurn, key schemas.ConversationKey, read time.Time) error {
	state, err := p.tx.Conversation(key)
	if err != nil {
		return err
	}
	in := conversation.TimerDue{At: read}
	if state.Phase == conversation.Processing {
		if in.Ending, err = t.ending(p, key, state, nil); err != nil {
			return err
		}
	}
	return t.step(p, key, in, nil)
}

// wakesAt is when the clock has something to do; zero: nothing. While we have not applied what the calls held when we
// caught up, it has not: that may move what would be due.
func (p *partition) wakesAt() time.Time {
	if p.meta.NextOffset < p.readTo {
		return time.Time{}
	}
	return p.nextWake
}

// clock applies the timers that our clock has passed.
func (t *turn) clock(p *partTurn) error {
	if p.wake.IsZero() || t.now.Before(p.wake) || p.tx.Meta.NextOffset < p.readTo {
		return nil
	}
	wakes, err := t.store.Wakes(p.id, p.wake, timersMax)
	if err != nil {
		return err
	}
	var rest time.Time
	if len(wakes) == timersMax {
		rest = wakes[timersMax-1].At
	}
	for _, w := range wakes {
		if t.now.Before(w.At) {
			rest = w.At
			break
		}
		if err := t.wakeUp(p, w.Conversation); err != nil {
			return err
		}
	}
	p.wake = earliest(rest, p.wakeSet)
	return nil
}

func (t *turn) wakeUp(p *partTurn, key schemas.ConversationKey) error {
	state, err := p.tx.Conversation(key)
	if err != nil {
		return err
	}
	in := conversation.ClockDue{At: t.now}
	if state.Phase == conversation.Processing {
		in.Begun = t.begun(p, key, state)
	}
	return t.step(p, key, in, nil)
}

// sweepEvery is how often answers are forgotten whose tokens have expired.
const sweepEvery = 10 * time.Second

// sweep forgets answers whose tokens have expired, and old erasures.
func (l *loop) sweep(t *turn) error {
	for _, p := range l.partitions {
		if t.now.Sub(p.swept) < sweepEvery {
			continue
		}
		ids, err := l.store.ExpiredAnswers(p.id, t.now, timersMax)
		if err != nil {
			return err
		}
		if len(ids) < timersMax {
			p.swept = t.now // else there are more
		}
		if len(p.erasures) > 0 {
			t.forgetErasures(t.on(p))
		}
		for _, id := range ids {
			if err := t.on(p).tx.DropAnswer(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// earliest is the earlier of two times; zero: there is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// tickEvery is the least time between two ticks of a partition.
const tickEvery = time.Second

// tick asks, by a record, what time it is in the log of each partition where a timer is due by our clock. When it is
// read back, everything that was appended before has been read.
func (l *loop) tick(t *turn) {
	for _, p := range l.partitions {
		next := p.nextTimer
		if pt, ok := t.byID[p.id]; ok {
			next = pt.due
		}
		if next.IsZero() || t.now.Before(next.Add(l.cfg.ForwardGrace)) || t.now.Sub(p.ticked) < tickEvery {
			continue
		}
		p.ticked = t.now
		t.on(p)
		t.produced = append(t.produced, &kgo.Record{
			Topic:     l.cfg.Topics.Calls,
			Partition: p.id,
			Headers:   []kgo.RecordHeader{{Key: schemas.HeaderType, Value: []byte(schemas.RecordTick)}},
		})
	}
}
