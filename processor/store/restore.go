package store

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Restore applies records of the changelog, in their order, and the position behind them. It makes the same indexes
// as the turns that wrote the records did.
func (s *Store) Restore(partition int32, changes []Change, applied Applied) error {
	b := s.db.NewIndexedBatch() // later records must see what earlier ones of the same batch changed
	defer b.Close()
	w := writer{batch: b, partition: partition}
	for _, c := range changes {
		k := append(prefix(partition, 0)[:2], c.Key...)
		if err := w.restore(k, c.Value); err != nil {
			return fmt.Errorf("restore partition %d: %w", partition, err)
		}
	}
	w.put(Change{Key: appliedKey(partition), Value: applied.encode()})
	return w.commit()
}

func (w *writer) restore(k, value []byte) error {
	if len(k) < prefixLen {
		return &FormatError{Key: k, Err: fmt.Errorf("key of %d bytes", len(k))}
	}
	before, err := get(w.batch, k)
	if err != nil {
		return err
	}
	w.put(Change{Key: k, Value: value})
	switch k[2] {
	case kindConversation:
		return w.restoreConversation(k, before, value)
	case kindPart:
		return w.restorePart(k, before, value)
	case kindAnswer:
		return w.restoreAnswer(k, before, value)
	case kindRequest, kindPartition:
		return nil
	}
	return &FormatError{Key: k, Err: fmt.Errorf("unknown kind %q", k[2])}
}

func (w *writer) restoreConversation(k, before, now []byte) error {
	states := [2]conversation.State{}
	for i, v := range [...][]byte{before, now} {
		if v == nil {
			continue
		}
		r, err := decodeRecord(k, v)
		if err != nil {
			return err
		}
		states[i] = r.state
	}
	w.indexConversation(schemas.ConversationKey(k[prefixLen:]), states[0], states[1])
	return nil
}

func (w *writer) restorePart(k, before, now []byte) error {
	value := now
	if value == nil {
		value = before
	}
	if value == nil {
		return nil // a part that came and went before our time
	}
	if len(k) < partKeyLenMin {
		return &FormatError{Key: k, Err: fmt.Errorf("key of a part with %d bytes", len(k))}
	}
	p, err := decodePart(k, value)
	if err != nil {
		return err
	}
	c, ok, err := partIndex(w.partition, k, &p)
	if err != nil || !ok {
		return err
	}
	if now == nil {
		c.Value = nil
	}
	w.put(c)
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
