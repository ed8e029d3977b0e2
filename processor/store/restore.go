package store

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Restore applies records of the changelog, in their order, and the position behind them. It makes the same indexes
// as the turns that wrote the records did.
func (s *Store) Restore(partition int32, changes []Change, applied Applied) error {
	b := s.db.NewBatch()
	defer b.Close()
	r := restoration{writer: writer{batch: b, partition: partition}, db: s.db, seen: make(map[string][]byte, len(changes))}
	for _, c := range changes {
		k := append(prefix(partition, 0)[:2], c.Key...)
		if err := r.apply(k, c.Value); err != nil {
			return fmt.Errorf("restore partition %d: %w", partition, err)
		}
	}
	r.put(Change{Key: appliedKey(partition), Value: applied.encode()})
	return r.commit()
}

// restoration is one batch of Restore.
type restoration struct {
	writer
	db pebble.Reader
	// seen has the last value in the batch of the records whose indexes follow from what they were before.
	seen map[string][]byte
}

func (r *restoration) apply(k, value []byte) error {
	if len(k) < prefixLen {
		return &FormatError{Key: k, Err: fmt.Errorf("key of %d bytes", len(k))}
	}
	r.put(Change{Key: k, Value: value})
	switch k[2] {
	case kindConversation:
		return r.conversation(k, value)
	case kindPart:
		return r.part(k, value)
	case kindAnswer:
		before, err := r.replace(k, value)
		if err != nil {
			return err
		}
		return r.restoreAnswer(k, before, value)
	case kindRequest, kindPartition:
		return nil
	}
	return &FormatError{Key: k, Err: fmt.Errorf("unknown kind %q", k[2])}
}

// replace returns the value that a record had before, nil if it was not there, and takes down the one that it has now.
func (r *restoration) replace(k, now []byte) (before []byte, err error) {
	before, ok := r.seen[string(k)]
	if !ok {
		before, err = get(r.db, k)
	}
	r.seen[string(k)] = now
	return before, err
}

func (r *restoration) conversation(k, now []byte) error {
	before, err := r.replace(k, now)
	if err != nil {
		return err
	}
	states := [2]conversation.State{}
	for i, v := range [...][]byte{before, now} {
		if v == nil {
			continue
		}
		rec, err := decodeRecord(k, v)
		if err != nil {
			return err
		}
		states[i] = rec.state
	}
	r.indexConversation(schemas.ConversationKey(k[prefixLen:]), states[0], states[1])
	return nil
}

// part makes a part known by its request id, or forgets it. A part is written once: only when it goes is it looked up.
func (r *restoration) part(k, now []byte) (err error) {
	value := now
	if now != nil {
		r.seen[string(k)] = now
	} else if value, err = r.replace(k, nil); err != nil || value == nil {
		return err // value nil: it came and went before our time
	}
	if len(k) < partKeyLenMin {
		return &FormatError{Key: k, Err: fmt.Errorf("key of a part with %d bytes", len(k))}
	}
	p, err := decodePart(k, value)
	if err != nil {
		return err
	}
	c, ok, err := partIndex(r.partition, k, &p)
	if err != nil || !ok {
		return err
	}
	if now == nil {
		c.Value = nil
	}
	r.put(c)
	return nil
}

// Event is a record of parley.results.
type Event struct {
	Offset int64
	Value  []byte
}

// RestoreEvents keeps events that the store missed, as Tx.Finish does.
func (s *Store) RestoreEvents(partition int32, events []Event, applied Applied) error {
	b := s.db.NewBatch()
	defer b.Close()
	w := writer{batch: b, partition: partition}
	for _, e := range events {
		m := new(parleyv1.ResultEvent)
		if err := proto.Unmarshal(e.Value, m); err != nil {
			return fmt.Errorf("restore event %d of partition %d: %w", e.Offset, partition, err)
		}
		if err := w.finish(m, e.Value, e.Offset, applied.At); err != nil {
			return err
		}
	}
	w.put(Change{Key: appliedKey(partition), Value: applied.encode()})
	return w.commit()
}
