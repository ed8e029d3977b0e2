package store

import (
	"errors"
	"fmt"
	"iter"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Tx is what one turn changes of one partition. Reads see its own writes; the store sees them when Apply is called,
// which must be after the changes were committed to the changelog. A Tx that is not applied leaves no trace. It
// belongs to one goroutine.
type Tx struct {
	reader
	store *Store
	// Meta is the partition's record; the turn changes it in place.
	Meta Meta

	held    map[schemas.ConversationKey]*held
	heldKey []schemas.ConversationKey // in the order of their first use
	parts   parts
	ended   endedParts
	// changes go to the changelog and to the store, local ones to the store alone.
	changes changes
	local   changes
	events  []event
}

// held is a conversation that the turn has read.
type held struct {
	record
	before record
	dirty  bool
}

// Begin starts a turn on a partition whose record is meta.
func (s *Store) Begin(partition int32, meta Meta) *Tx {
	t := &Tx{
		reader:  reader{db: s.db, partition: partition},
		store:   s,
		Meta:    meta,
		held:    make(map[schemas.ConversationKey]*held),
		parts:   newParts(),
		changes: changes{at: make(map[string]int)},
		local:   changes{at: make(map[string]int)},
	}
	t.overlay = &t.changes
	return t
}

// Meta returns the committed record of a partition.
func (s *Store) Meta(partition int32) (Meta, error) {
	r := reader{db: s.db, partition: partition}
	return r.meta()
}

// Conversation returns a conversation's state; its phase is New when it is not known.
func (t *Tx) Conversation(key schemas.ConversationKey) (conversation.State, error) {
	h, err := t.hold(key)
	if err != nil {
		return conversation.State{}, err
	}
	return h.state, nil
}

func (t *Tx) hold(key schemas.ConversationKey) (*held, error) {
	if h, ok := t.held[key]; ok {
		return h, nil
	}
	r, err := t.record(key)
	if err != nil {
		return nil, fmt.Errorf("load conversation: %w", err)
	}
	h := &held{record: r, before: r}
	t.held[key] = h
	t.heldKey = append(t.heldKey, key)
	return h, nil
}

// SetConversation replaces the state of a conversation that was read in this turn.
func (t *Tx) SetConversation(key schemas.ConversationKey, s conversation.State) {
	h := t.held[key]
	h.state, h.dirty = s, true
}

// Content returns the content of the part with that sequence code, also after the conversation has ended; zero when
// it has none.
func (t *Tx) Content(key schemas.ConversationKey, sequenceCode int32) (uint64, error) {
	h, err := t.hold(key)
	if err != nil {
		return 0, err
	}
	if h.state.Phase == conversation.Ended {
		if i := int(sequenceCode) - 1; i < len(h.contents) {
			return h.contents[i], nil
		}
		return 0, nil
	}
	if !h.state.Received.Has(sequenceCode) {
		return 0, nil
	}
	p, _, err := t.part(key, sequenceCode)
	return p.Content, err
}

// EndConversation replaces the parts of a conversation by the marker of its end. Parts that its state keeps stay.
func (t *Tx) EndConversation(key schemas.ConversationKey) error {
	h, err := t.hold(key)
	if err != nil {
		return err
	}
	h.dirty = true
	h.contents = make([]uint64, h.state.Calls)
	for k := int32(1); k <= h.state.Calls; k++ {
		if !h.state.Received.Has(k) {
			continue
		}
		p, err := t.Peek(key, k)
		if err != nil {
			return err
		}
		h.contents[k-1] = p.Content
		if !h.state.Kept.Has(k) {
			t.parts.drop(place{key, k}, p)
		}
	}
	return nil
}

// KeptParts returns the parts that are kept of a conversation that failed, from sequence code from on, in their order.
func (t *Tx) KeptParts(key schemas.ConversationKey, from int32) ([]Part, error) {
	h, err := t.hold(key)
	if err != nil {
		return nil, err
	}
	var out []Part
	for k := from; k <= h.state.Calls; k++ {
		p, ok, err := t.part(key, k)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// ReleaseParts gives up the parts that are kept of a conversation that failed.
func (t *Tx) ReleaseParts(key schemas.ConversationKey) error {
	h, err := t.hold(key)
	if err != nil {
		return err
	}
	for k := int32(1); k <= h.state.Calls; k++ {
		p, ok, err := t.peek(key, k)
		if err != nil {
			return err
		}
		if ok {
			t.parts.drop(place{key, k}, p)
		}
	}
	return nil
}

// Forget gives up a conversation, as if there had never been one.
func (t *Tx) Forget(key schemas.ConversationKey) error {
	h, err := t.hold(key)
	if err != nil {
		return err
	}
	h.dirty, h.record = true, record{}
	return nil
}

// Reference returns where a request id belongs; false: it is not known.
func (t *Tx) Reference(id schemas.RequestID) (Reference, bool, error) {
	at, ok := t.parts.byID[id]
	switch {
	case !ok:
		return t.reference(id)
	case t.parts.at[at].dropped:
		return Reference{}, false, nil
	}
	return Reference{Conversation: at.key, SequenceCode: at.sequenceCode, First: id}, true, nil
}

// RecordedAs returns the request id of the part with that sequence code, also after the conversation has ended as
// long as its event is kept here; the zero id: the record in ClickHouse alone knows.
func (t *Tx) RecordedAs(key schemas.ConversationKey, sequenceCode int32) (schemas.RequestID, error) {
	if p, ok, err := t.part(key, sequenceCode); err != nil || ok {
		return p.RequestID, err
	}
	if id := t.endedNow(key, sequenceCode); id != "" {
		return parseID(id)
	}
	var first schemas.RequestID
	from := listedKey(t.partition, key, sequenceCode, schemas.RequestID{})
	err := scan(t.db, from, behind(from[:len(from)-len(first)]), func(k, _ []byte) (bool, error) {
		first = schemas.RequestID(k[len(k)-len(first):])
		return false, nil
	})
	return first, err
}

// endedNow returns the request id of a part that has ended in this turn, empty if it has not.
func (t *Tx) endedNow(key schemas.ConversationKey, sequenceCode int32) string {
	account, conversationID, _ := key.Split()
	for i := range t.events {
		if e := &t.events[i]; e.of(account, conversationID, sequenceCode) {
			return e.requestID
		}
	}
	return ""
}

// PutReference keeps the request id of a call that is no part of its own: a rejected one, or a resend's.
func (t *Tx) PutReference(id schemas.RequestID, ref Reference) error {
	value, err := encodeReference(ref, id)
	if err != nil {
		return fmt.Errorf("encode reference: %w", err)
	}
	t.set(requestKey(t.partition, id), value)
	return nil
}

// Finish keeps an event until the record in ClickHouse serves it. raw is its encoding.
func (t *Tx) Finish(e *parleyv1.ResultEvent, raw []byte) {
	t.events = append(t.events, eventOf(e, raw))
}

// Changed are the conversations whose state the turn has replaced.
func (t *Tx) Changed() iter.Seq[schemas.ConversationKey] {
	return func(yield func(schemas.ConversationKey) bool) {
		for _, key := range t.heldKey {
			if t.held[key].dirty && !yield(key) {
				return
			}
		}
	}
}

func (t *Tx) set(k, value []byte) { t.changes.set(k, value) }

// Changes returns the records to commit to the changelog. Apply must follow, or the Tx be forgotten.
func (t *Tx) Changes() ([]Change, error) {
	if err := errors.Join(t.changeParts(), t.keepEndedParts()); err != nil {
		return nil, err
	}
	for _, key := range t.heldKey {
		h := t.held[key]
		if !h.dirty {
			continue
		}
		h.count(0)
		var value []byte // nil: it is forgotten
		if h.state.Phase != conversation.New {
			var err error
			if value, err = encodeRecord(h.record); err != nil {
				return nil, fmt.Errorf("encode conversation: %w", err)
			}
		}
		t.changes.put(Change{Key: conversationKey(t.partition, key), Value: value, stored: h.stored(value)})
	}
	value, err := encode(t.Meta.proto())
	if err != nil {
		return nil, fmt.Errorf("encode partition: %w", err)
	}
	t.set(partitionKey(t.partition), value)
	out := make([]Change, len(t.changes.list))
	for i, c := range t.changes.list {
		out[i] = Change{Key: c.Key[2:], Value: c.Value}
	}
	return out, nil
}

// Apply writes the turn to the store in one batch. applied is the position behind its changelog records;
// resultsOffsets are those of its events, in the order of Finish.
func (t *Tx) Apply(applied Applied, resultsOffsets []int64) error {
	b := t.store.db.NewBatch()
	defer b.Close()
	w := writer{batch: b, store: t.store, partition: t.partition}
	for _, c := range t.changes.list {
		w.put(c)
	}
	for _, key := range t.heldKey {
		if h := t.held[key]; h.dirty {
			w.indexConversation(key, h.before, h.record)
		}
	}
	for _, c := range t.local.list {
		w.put(c)
	}
	for i, e := range t.events {
		if err := w.finish(e, resultsOffsets[i], applied.At); err != nil {
			return err
		}
	}
	w.put(Change{Key: appliedKey(t.partition), Value: applied.encode()})
	return w.commit()
}

// partIndex is the record that makes a part's call known by its request id; false: its conversation key does.
func partIndex(partition int32, k []byte, p *Part) (Change, bool, error) {
	key, code := splitPartKey(k)
	if key.Single() {
		return Change{}, false, nil
	}
	value, err := encodeReference(Reference{Conversation: key, SequenceCode: code, First: p.RequestID}, p.RequestID)
	return Change{Key: requestKey(partition, p.RequestID), Value: value}, true, err
}
