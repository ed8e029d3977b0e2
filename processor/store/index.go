package store

import (
	"time"

	"parley/schemas"
)

// Queued is a conversation that has its place in the queue of executions.
type Queued struct {
	Ready        int64
	Conversation schemas.ConversationKey
}

// Queue returns the conversations of a partition that have a part in turn, in the order in which they became ready,
// from the one behind after (the zero Queued: from the first), at most limit.
func (s *Store) Queue(partition int32, after Queued, limit int) ([]Queued, error) {
	var out []Queued
	lower := append(orderedKey(partition, kindQueue, after.Ready, after.Conversation), 0)
	err := scan(s.db, lower, prefix(partition, kindQueue+1), func(k, _ []byte) (bool, error) {
		ready, key := splitOrderedKey(k)
		out = append(out, Queued{Ready: ready, Conversation: key})
		return len(out) < limit, nil
	})
	return out, err
}

// Timer is a deadline of a conversation.
type Timer struct {
	At           time.Time
	Conversation schemas.ConversationKey
}

// Timers returns the timers of a partition from the time from on, earliest first, at most limit.
func (s *Store) Timers(partition int32, from time.Time, limit int) ([]Timer, error) {
	var out []Timer
	err := scan(s.db, orderedKey(partition, kindTimer, schemas.MilliOf(from), ""), prefix(partition, kindTimer+1), func(k, _ []byte) (bool, error) {
		at, key := splitOrderedKey(k)
		out = append(out, Timer{At: schemas.InstantOf(at), Conversation: key})
		return len(out) < limit, nil
	})
	return out, err
}
