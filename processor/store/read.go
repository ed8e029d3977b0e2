package store

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// reader reads the records of one partition from a database, a snapshot or, through overlay, a turn.
type reader struct {
	db        pebble.Reader
	partition int32
	// overlay holds changes that are not in db; nil: there are none.
	overlay *changes
}

func (r *reader) get(k []byte) ([]byte, error) {
	if r.overlay != nil {
		if i, ok := r.overlay.at[string(k)]; ok {
			return r.overlay.list[i].Value, nil
		}
	}
	return get(r.db, k)
}

func (r *reader) record(key schemas.ConversationKey) (record, error) {
	k := conversationKey(r.partition, key)
	v, err := r.get(k)
	if err != nil || v == nil {
		return record{}, err
	}
	return decodeRecord(k, v)
}

// part returns a part of an open conversation; false: there is none.
func (r *reader) part(key schemas.ConversationKey, sequenceCode int32) (Part, bool, error) {
	k := partKey(r.partition, key, sequenceCode)
	v, err := r.get(k)
	if err != nil || v == nil {
		return Part{}, false, err
	}
	p, err := decodePart(k, v)
	return p, err == nil, err
}

func decodePart(key, value []byte) (Part, error) {
	var m parleyv1.PartState
	if err := decode(key, value, &m); err != nil {
		return Part{}, err
	}
	id, err := uuid.FromBytes(m.RequestId)
	if err != nil {
		return Part{}, &FormatError{Key: key, Err: err}
	}
	return Part{Call: m.Call, RequestID: id, Content: m.Content, AcceptedAt: schemas.InstantOf(m.AcceptedAtMs), Erased: m.Erased, stored: key}, nil
}

// encodePart encodes a part, and its Call if that has not been done.
func encodePart(p *Part) (_ []byte, err error) {
	if p.Call == nil && p.Message != nil {
		if p.Call, err = proto.Marshal(p.Message); err != nil {
			return nil, err
		}
	}
	return encode(&parleyv1.PartState{
		Call: p.Call, RequestId: p.RequestID[:], Content: p.Content, AcceptedAtMs: schemas.MilliOf(p.AcceptedAt), Erased: p.Erased,
	})
}

// reference returns where a request id belongs; false: it is not known.
func (r *reader) reference(id schemas.RequestID) (Reference, bool, error) {
	k := requestKey(r.partition, id)
	v, err := r.get(k)
	if err != nil || v == nil {
		return Reference{}, false, err
	}
	var m parleyv1.RequestState
	if err := decode(k, v, &m); err != nil {
		return Reference{}, false, err
	}
	ref := Reference{
		Conversation: schemas.ConversationKey(m.Conversation),
		SequenceCode: m.SequenceCode,
		First:        id,
		Rejected:     m.Rejected,
	}
	if len(m.First) > 0 {
		copy(ref.First[:], m.First)
	}
	return ref, true, nil
}

func encodeReference(ref Reference, id schemas.RequestID) ([]byte, error) {
	m := &parleyv1.RequestState{Conversation: []byte(ref.Conversation), SequenceCode: ref.SequenceCode, Rejected: ref.Rejected}
	if ref.First != id {
		m.First = ref.First[:]
	}
	return encode(m)
}

func (r *reader) meta() (Meta, error) {
	k := partitionKey(r.partition)
	v, err := r.get(k)
	if err != nil || v == nil {
		return Meta{}, err
	}
	var m parleyv1.PartitionState
	if err := decode(k, v, &m); err != nil {
		return Meta{}, err
	}
	return metaOf(&m), nil
}

func (r *reader) event(k []byte) (*parleyv1.ResultEvent, error) {
	v, err := r.get(k)
	if err != nil || v == nil {
		return nil, err
	}
	e := new(parleyv1.ResultEvent)
	if err := proto.Unmarshal(v, e); err != nil {
		return nil, &FormatError{Key: k, Err: err}
	}
	return e, nil
}

// scan calls f for each key from lower up to, not with, upper, until f returns false.
func scan(r pebble.Reader, lower, upper []byte, f func(k, v []byte) (bool, error)) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return fmt.Errorf("scan store: %w", err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		more, err := f(it.Key(), it.Value())
		if err != nil || !more {
			_ = it.Close() // the error that stopped the scan says more
			return err
		}
	}
	if err := it.Close(); err != nil {
		return fmt.Errorf("scan store: %w", err)
	}
	return nil
}

// View reads the committed state of one partition as of one moment, from any goroutine.
type View struct {
	reader
	snapshot *pebble.Snapshot
}

// View returns a view of a partition. It must be closed.
func (s *Store) View(partition int32) *View {
	snap := s.db.NewSnapshot()
	return &View{reader: reader{db: snap, partition: partition}, snapshot: snap}
}

// Close releases the view.
func (v *View) Close() error { return v.snapshot.Close() }

// Glance calls f with a view of a partition that f must not keep. When something is committed meanwhile it calls f again,
// which then begins anew, with another. For a few reads that is much cheaper than View: whenever a snapshot is closed,
// Pebble looks for work that it was in the way of.
func (s *Store) Glance(partition int32, f func(*View) error) error {
	c := s.commitsOf(partition)
	if n, ok := c.quiet(); ok {
		if err := f(&View{reader: reader{db: s.db, partition: partition}}); !c.since(n) {
			return err
		}
	}
	v := s.View(partition)
	defer v.Close()
	return f(v)
}

// Meta returns the record of the partition.
func (v *View) Meta() (Meta, error) { return v.meta() }

// Conversation returns a conversation's state; its phase is New when it is not known.
func (v *View) Conversation(key schemas.ConversationKey) (conversation.State, error) {
	r, err := v.record(key)
	return r.state, err
}

// Reference returns where a request id belongs; false: it is not known, or it is that of a call without a
// ConversationID, whose conversation key is made of it.
func (v *View) Reference(id schemas.RequestID) (Reference, bool, error) { return v.reference(id) }

// Finished returns the event that ended a call; nil: it has not ended, or the record has it alone.
func (v *View) Finished(id schemas.RequestID) (*parleyv1.ResultEvent, error) {
	return v.event(finishedKey(v.partition, id))
}

// Ended returns the event that ended a conversation; nil: it has not ended, or the record has it alone.
func (v *View) Ended(key schemas.ConversationKey) (*parleyv1.ResultEvent, error) {
	return v.event(endedKey(v.partition, key))
}

// EndedCalls returns the events of the calls of a conversation that have ended, in the order of their sequence
// codes from the one behind after, at most limit of them. Rejected calls are none of its calls.
func (v *View) EndedCalls(key schemas.ConversationKey, after int32, limit int) ([]*parleyv1.ResultEvent, error) {
	var out []*parleyv1.ResultEvent
	lower := listedKey(v.partition, key, after+1, schemas.RequestID{})
	upper := behind(listedKey(v.partition, key, 0, schemas.RequestID{})[:prefixLen+2+len(key)])
	err := scan(v.db, lower, upper, func(k, _ []byte) (bool, error) {
		e, err := v.event(finishedKey(v.partition, schemas.RequestID(k[len(k)-16:])))
		if err != nil {
			return false, err
		}
		if e != nil {
			out = append(out, e)
		}
		return len(out) < limit, nil
	})
	return out, err
}
