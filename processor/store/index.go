package store

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"parley/processor/conversation"
	"parley/schemas"
)

// Class is what the conversations have in common that wait for a place in one line: those of an account, on a route,
// with a priority.
type Class struct {
	// Route is the name of the route that takes the part in turn; empty: there was none when its turn came.
	Route    string
	Priority schemas.Priority
	Account  string
}

// ClassOf is the class of a conversation's part in turn.
func ClassOf(key schemas.ConversationKey, s conversation.State) Class {
	account, _, _ := strings.Cut(string(key), "\x00") // Split is for keys that are known to be whole
	return Class{Route: s.Turn.Route, Priority: s.Priority, Account: account}
}

// Queued is a conversation that has its place in the queue of executions.
type Queued struct {
	Ready        int64
	Conversation schemas.ConversationKey
}

// Queue returns the conversations of one class of a partition that wait for a place now, in the order in which they
// became ready, from the one behind after (the zero Queued: from the first), at most limit.
func (s *Store) Queue(partition int32, c Class, after Queued, limit int) ([]Queued, error) {
	var out []Queued
	lower := append(queueKey(partition, c, after.Ready, after.Conversation), 0)
	class := classKey(partition, c)
	err := scan(s.db, lower, behind(class), func(k, _ []byte) (bool, error) {
		ready, key := splitOrder(k[len(class):])
		out = append(out, Queued{Ready: ready, Conversation: key})
		return len(out) < limit, nil
	})
	return out, err
}

// Classes returns the classes of a partition that have conversations in the queue. It reads one key of each.
func (s *Store) Classes(partition int32) ([]Class, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix(partition, kindQueue), UpperBound: prefix(partition, kindQueue+1)})
	if err != nil {
		return nil, fmt.Errorf("scan classes: %w", err)
	}
	var out []Class
	for ok := it.First(); ok; {
		c, n := splitClassKey(it.Key())
		out = append(out, c)
		ok = it.SeekGE(behind(bytes.Clone(it.Key()[:n])))
	}
	if err := it.Close(); err != nil {
		return nil, fmt.Errorf("scan classes: %w", err)
	}
	return out, nil
}

// Timer is an instant at which something is due to a conversation.
type Timer struct {
	At           time.Time
	Conversation schemas.ConversationKey
}

// Timers returns the timers in log time of a partition from the time from on, earliest first, at most limit.
func (s *Store) Timers(partition int32, from time.Time, limit int) ([]Timer, error) {
	return s.timers(orderedKey(partition, kindTimer, schemas.MilliOf(from), ""), limit)
}

// Wakes returns the timers in the owner's time of a partition from the time from on, earliest first, at most limit.
func (s *Store) Wakes(partition int32, from time.Time, limit int) ([]Timer, error) {
	return s.timers(orderedKey(partition, kindWake, schemas.MilliOf(from), ""), limit)
}

// Delayed returns the conversations of a partition whose part in turn must wait, or has an attempt under way that is
// lost at that time, from the one behind after on, earliest first, at most limit. See State.DelayedUntil.
func (s *Store) Delayed(partition int32, after Timer, limit int) ([]Timer, error) {
	return s.timers(append(orderedKey(partition, kindDelayed, schemas.MilliOf(after.At), after.Conversation), 0), limit)
}

// timers reads an index by time from the key lower on.
func (s *Store) timers(lower []byte, limit int) ([]Timer, error) {
	var out []Timer
	upper := behind(lower[:prefixLen])
	err := scan(s.db, lower, upper, func(k, _ []byte) (bool, error) {
		at, key := splitOrder(k[prefixLen:])
		out = append(out, Timer{At: schemas.InstantOf(at), Conversation: key})
		return len(out) < limit, nil
	})
	return out, err
}

// Requeue gives a delayed conversation, with that state, its place in the queue before its state says so: its time has
// come, and there is no room for it in memory. The place goes with the next change of the state. The partition's owner
// alone may call it.
func (s *Store) Requeue(partition int32, key schemas.ConversationKey, state conversation.State) error {
	b := s.db.NewBatch()
	defer b.Close()
	w := writer{batch: b, store: s, partition: partition}
	w.move(w.timeKey(kindDelayed, key, state.DelayedUntil()), placeOf(partition, key, state))
	return w.commit()
}

// Conversation returns the committed state of a conversation; its phase is New when it is not known.
func (s *Store) Conversation(partition int32, key schemas.ConversationKey) (conversation.State, error) {
	r := reader{db: s.db, partition: partition}
	rec, err := r.record(key)
	return rec.state, err
}

// Part returns a committed part of an open conversation; false: there is none.
func (s *Store) Part(partition int32, key schemas.ConversationKey, sequenceCode int32) (Part, bool, error) {
	r := reader{db: s.db, partition: partition}
	return r.part(key, sequenceCode)
}

// layout is the version of the keys that are kept here alone.
const layout = 6

// layoutKey is behind all partitions.
func layoutKey() []byte { return []byte{math.MaxUint8, math.MaxUint8, 'v'} }

// checkLayout empties a store whose indexes were made by another version: they are made anew from the log.
func (s *Store) checkLayout() error {
	v, err := get(s.db, layoutKey())
	if err != nil || bytes.Equal(v, []byte{layout}) {
		return err
	}
	b := s.db.NewBatch()
	defer b.Close()
	w := writer{batch: b, store: s}
	w.err = b.DeleteRange([]byte{0}, layoutKey(), nil) // not from nil, which Pebble takes for no range
	w.put(Change{Key: layoutKey(), Value: []byte{layout}})
	return w.commit()
}
