package store

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"parley/processor/conversation"
	"parley/schemas"
)

// writer fills one batch of one partition. The first error is kept for commit.
type writer struct {
	batch     *pebble.Batch
	store     *Store
	partition int32
	// usage is what the batch adds to that of accounts; nil: nothing.
	usage usage
	// open is what the batch adds to the calls that have not ended.
	open OpenCalls
	err  error
}

func (w *writer) put(c Change) {
	if w.err != nil {
		return
	}
	switch {
	case c.stored != nil:
		w.err = w.batch.Set(c.Key, c.stored, nil)
	case c.Value != nil:
		w.err = w.batch.Set(c.Key, c.Value, nil)
	default:
		w.err = w.batch.Delete(c.Key, nil)
	}
}

// deleteRange deletes the keys from one up to, not with, another. Who scans from there on again steps over them at once,
// where each key that was deleted by itself would be met.
func (w *writer) deleteRange(from, to []byte) {
	if w.err == nil {
		w.err = w.batch.DeleteRange(from, to, nil)
	}
}

func (w *writer) commit() error {
	committed, err := w.sumUp()
	if err = errors.Join(w.err, err, w.addOpenCalls()); err != nil {
		return fmt.Errorf("fill batch: %w", err)
	}
	defer w.store.commitsOf(w.partition).begin()()
	if err := w.batch.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	committed()
	return nil
}

// indexConversation keeps the indexes, the usage of the account and the open calls as the record has them: all are functions
// of it, but for a delayed conversation's place in the queue, which Requeue may have made.
func (w *writer) indexConversation(key schemas.ConversationKey, before, now record) {
	w.count(key, before.usage(), now.usage())
	w.open.move(before.state, now.state)
	w.indexState(key, before.state, now.state)
}

func (w *writer) indexState(key schemas.ConversationKey, before, now conversation.State) {
	queued := w.queueKey(key, now)
	if !before.Queued() && !before.DelayedUntil().IsZero() {
		w.move(placeOf(w.partition, key, before), queued)
	}
	w.move(w.queueKey(key, before), queued)
	w.move(w.timeKey(kindDelayed, key, before.DelayedUntil()), w.timeKey(kindDelayed, key, now.DelayedUntil()))
	w.move(w.timeKey(kindTimer, key, before.Awaited()), w.timeKey(kindTimer, key, now.Awaited()))
	w.move(w.timeKey(kindWake, key, before.Wake()), w.timeKey(kindWake, key, now.Wake()))
	w.move(w.openKey(key, before), w.openKey(key, now))
}

// queueKey is the place of a conversation in the queue; nil: it has none.
func (w *writer) queueKey(key schemas.ConversationKey, s conversation.State) []byte {
	if !s.Queued() {
		return nil
	}
	return placeOf(w.partition, key, s)
}

// placeOf is where a conversation stands in the queue once its part in turn may begin.
func placeOf(partition int32, key schemas.ConversationKey, s conversation.State) []byte {
	return queueKey(partition, ClassOf(key, s), s.Ready, key)
}

// timeKey is the place of a conversation in an index by time; nil: it has none.
func (w *writer) timeKey(kind byte, key schemas.ConversationKey, at time.Time) []byte {
	if at.IsZero() {
		return nil
	}
	return orderedKey(w.partition, kind, schemas.MilliOf(at), key)
}

// openKey is the place of a conversation in the list of those that are open; nil: it is not.
func (w *writer) openKey(key schemas.ConversationKey, s conversation.State) []byte {
	stage, ok := StageOf(s)
	if !ok {
		return nil
	}
	return openKey(w.partition, key, stage, s.AcceptedAt)
}

// move takes an entry of an index from one key to another; nil: from nowhere, or to nowhere.
func (w *writer) move(from, to []byte) {
	if bytes.Equal(from, to) {
		return
	}
	if from != nil {
		w.put(Change{Key: from})
	}
	if to != nil {
		w.put(Change{Key: to, Value: []byte{}})
	}
}

// parseID reads a request id; the empty text, of a conversation that has an id of its own, is the zero id.
func parseID(s string) (schemas.RequestID, error) {
	if s == "" {
		return schemas.RequestID{}, nil
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return id, fmt.Errorf("request id of an event: %w", err)
	}
	return id, nil
}
