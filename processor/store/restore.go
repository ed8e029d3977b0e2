package store

import (
	"fmt"
	"slices"

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
	r := restoration{
		writer:  writer{batch: b, store: s, partition: partition},
		db:      s.db,
		seen:    make(map[string][]byte, len(changes)),
		arrived: make(map[schemas.ConversationKey]arrived),
	}
	err := r.all(changes)
	if err == nil {
		err = r.leaveArrived()
	}
	if err != nil {
		return fmt.Errorf("restore partition %d: %w", partition, err)
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
	// arrived is what has become of parts whose conversation's record has not followed yet. It always does: the turn that
	// took or dropped a part has written it too, behind the part.
	arrived map[schemas.ConversationKey]arrived
}

// arrived are the sequence codes of parts that have come, and the bytes of their calls less those of parts that have gone.
type arrived struct {
	codes []int32
	bytes int64
}

func (r *restoration) all(changes []Change) error {
	for _, c := range changes {
		if err := r.apply(append(prefix(r.partition, 0)[:2], c.Key...), c.Value); err != nil {
			return err
		}
	}
	return nil
}

func (r *restoration) apply(k, value []byte) error {
	if len(k) < prefixLen {
		return &FormatError{Key: k, Err: fmt.Errorf("key of %d bytes", len(k))}
	}
	switch k[2] {
	case kindConversation:
		return r.conversation(k, value)
	case kindPart:
		return r.part(k, value)
	case kindAnswer:
		return r.answer(k, value)
	case kindDelivery:
		return r.delivery(k, value)
	case kindRequest, kindPartition, kindErasure, kindEndedPart, kindNotice:
		r.put(Change{Key: k, Value: value})
		return nil
	}
	return &FormatError{Key: k, Err: fmt.Errorf("unknown kind %q", k[2])}
}

// before returns the value of a record before the one that is being applied, nil if it was not there.
func (r *restoration) before(k []byte) ([]byte, error) {
	if v, ok := r.seen[string(k)]; ok {
		return v, nil
	}
	return get(r.db, k)
}

// replace takes down what a record is now.
func (r *restoration) replace(k, now []byte) {
	r.put(Change{Key: k, Value: now})
	r.seen[string(k)] = now
}

func (r *restoration) answer(k, now []byte) error {
	before, err := r.before(k)
	if err != nil {
		return err
	}
	r.replace(k, now)
	return r.restoreAnswer(k, before, now)
}

func (r *restoration) delivery(k, now []byte) error {
	before, err := r.before(k)
	if err != nil {
		return err
	}
	r.replace(k, now)
	return r.restoreDelivery(k, before, now)
}

func (r *restoration) conversation(k, now []byte) error {
	before, err := r.before(k)
	if err != nil {
		return err
	}
	var records [2]record
	for i, v := range [...][]byte{before, now} {
		if v == nil {
			continue
		}
		if records[i], err = decodeRecord(k, v); err != nil {
			return err
		}
	}
	key := schemas.ConversationKey(k[prefixLen:])
	was, is, parts := records[0], records[1], r.arrived[key]
	delete(r.arrived, key)
	if is.state.Phase == conversation.Staging {
		is.state.Received = with(was.state.Received, parts.codes)
	}
	if err := r.countParts(key, was, &is, parts); err != nil {
		return err
	}
	if now != nil {
		now = is.stored(now)
	}
	r.replace(k, now)
	r.indexConversation(key, was, is)
	return nil
}

// countParts counts the bytes of a conversation's calls: what was, with what came and went. A part that comes although it
// is there is of a conversation that has used the id again; then they are counted anew.
func (r *restoration) countParts(key schemas.ConversationKey, was record, is *record, parts arrived) error {
	bytes := was.payloadBytes + parts.bytes
	if slices.ContainsFunc(parts.codes, was.state.Received.Has) {
		bytes = 0
		for code := int32(1); code <= is.state.Calls; code++ {
			k := partKey(r.partition, key, code)
			value, err := r.before(k)
			if err != nil {
				return err
			}
			if value == nil {
				continue
			}
			p, err := decodePart(k, value)
			if err != nil {
				return err
			}
			bytes += int64(len(p.Call))
		}
	}
	is.payloadBytes = 0
	is.count(bytes)
	return nil
}

func with(received conversation.Parts, codes []int32) conversation.Parts {
	for _, k := range codes {
		received = received.With(k)
	}
	return received
}

// leaveArrived keeps, for the next batch, what has become of parts without the record of their conversation.
func (r *restoration) leaveArrived() error {
	for key, parts := range r.arrived {
		k := conversationKey(r.partition, key)
		before, err := r.before(k)
		if err != nil {
			return err
		}
		var was record
		is := record{state: conversation.State{Phase: conversation.Staging}}
		if before != nil {
			if was, err = decodeRecord(k, before); err != nil {
				return err
			}
			is = was
		}
		is.state.Received = with(is.state.Received, parts.codes)
		if err := r.countParts(key, was, &is, parts); err != nil {
			return err
		}
		value, err := encodeRecord(is)
		if err != nil {
			return err
		}
		r.put(Change{Key: k, Value: is.stored(value)})
		r.indexConversation(key, was, is)
	}
	return nil
}

// sequenceCodeMax is far above what can be configured: greater ones are damage, and must not size memory.
const sequenceCodeMax = 1 << 24

// part makes a part known by its request id, or forgets it: only when it goes is it looked up. One that is written again
// has its conversation's bytes counted anew.
func (r *restoration) part(k, now []byte) (err error) {
	value := now
	if now == nil {
		if value, err = r.before(k); err != nil {
			return err
		}
	}
	r.replace(k, now)
	if value == nil {
		return nil // it came and went before our time
	}
	if len(k) < partKeyLenMin {
		return &FormatError{Key: k, Err: fmt.Errorf("key of a part with %d bytes", len(k))}
	}
	p, err := decodePart(k, value)
	if err != nil {
		return err
	}
	key, code := splitPartKey(k)
	if code < 1 || code > sequenceCodeMax {
		return &FormatError{Key: k, Err: fmt.Errorf("part with sequence code %d", code)}
	}
	parts := r.arrived[key]
	if now != nil {
		parts.codes = append(parts.codes, code)
		parts.bytes += int64(len(p.Call))
	} else {
		parts.bytes -= int64(len(p.Call))
	}
	r.arrived[key] = parts
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

// RestoreEvents keeps events that the store missed, as Tx.Finish does. It passes over those that cannot be read, and returns an
// error for each: the store has events for a time, as a copy, and the state does not depend on them.
func (s *Store) RestoreEvents(partition int32, events []Event, applied Applied) (unreadable []error, _ error) {
	b := s.db.NewBatch()
	defer b.Close()
	w := writer{batch: b, store: s, partition: partition}
	for _, e := range events {
		m := new(parleyv1.ResultEvent)
		err := proto.Unmarshal(e.Value, m)
		if err == nil {
			err = w.finish(eventOf(m, e.Value), e.Offset, applied.At)
		}
		if err != nil {
			unreadable = append(unreadable, fmt.Errorf("event at offset %d: %w", e.Offset, err))
		}
	}
	w.put(Change{Key: appliedKey(partition), Value: applied.encode()})
	return unreadable, w.commit()
}
