package store

import (
	"fmt"
	"time"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Answer is what is known of the late answer to a call, until the call's token has expired.
type Answer struct {
	// Conversation and SequenceCode are the call's; the key is empty while the call is not known to wait for an answer.
	Conversation schemas.ConversationKey
	SequenceCode int32
	// Digest is that of the answer that was taken; zero: none was.
	Digest uint64
	// Expires is when all this may be forgotten.
	Expires time.Time
	// Early is an answer, in JSON, that came before its call waited for one.
	Early []byte
}

func decodeAnswer(key, value []byte) (Answer, error) {
	var m parleyv1.AnswerState
	if err := decode(key, value, &m); err != nil {
		return Answer{}, err
	}
	return Answer{
		Conversation: schemas.ConversationKey(m.Conversation),
		SequenceCode: m.SequenceCode,
		Digest:       m.Digest,
		Expires:      schemas.InstantOf(m.ExpiresMs),
		Early:        m.Early,
	}, nil
}

// answer returns what is known of the answer to a call; false: nothing.
func (r *reader) answer(id schemas.RequestID) (Answer, bool, error) {
	k := answerKey(r.partition, id)
	v, err := r.get(k)
	if err != nil || v == nil {
		return Answer{}, false, err
	}
	a, err := decodeAnswer(k, v)
	return a, err == nil, err
}

// Answer returns what is known of the answer to a call; false: nothing.
func (v *View) Answer(id schemas.RequestID) (Answer, bool, error) { return v.answer(id) }

// Answer returns what is known of the answer to a call; false: nothing.
func (t *Tx) Answer(id schemas.RequestID) (Answer, bool, error) { return t.answer(id) }

// PutAnswer keeps what is known of the answer to a call.
func (t *Tx) PutAnswer(id schemas.RequestID, a Answer) error {
	before, known, err := t.answer(id)
	if err != nil {
		return err
	}
	value, err := encode(&parleyv1.AnswerState{
		Conversation: []byte(a.Conversation),
		SequenceCode: a.SequenceCode,
		Digest:       a.Digest,
		ExpiresMs:    schemas.MilliOf(a.Expires),
		Early:        a.Early,
	})
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	t.countEarly(before, -1)
	t.countEarly(a, +1)
	t.set(answerKey(t.partition, id), value)
	if known {
		t.local.set(expiryKey(t.partition, before.Expires, id), nil)
	}
	t.local.set(expiryKey(t.partition, a.Expires, id), []byte{})
	return nil
}

// DropAnswer forgets the answer to a call.
func (t *Tx) DropAnswer(id schemas.RequestID) error {
	a, known, err := t.answer(id)
	if err != nil || !known {
		return err
	}
	t.countEarly(a, -1)
	t.set(answerKey(t.partition, id), nil)
	t.local.set(expiryKey(t.partition, a.Expires, id), nil)
	return nil
}

func (t *Tx) countEarly(a Answer, by int64) {
	if len(a.Early) > 0 {
		t.Meta.Early += by
	}
}

// ExpiredAnswers returns the calls of a partition whose tokens expired before a time, at most limit.
func (s *Store) ExpiredAnswers(partition int32, before time.Time, limit int) ([]schemas.RequestID, error) {
	var out []schemas.RequestID
	err := scan(s.db, prefix(partition, kindExpiry), expiryKey(partition, before, schemas.RequestID{}), func(k, _ []byte) (bool, error) {
		out = append(out, schemas.RequestID(k[len(k)-16:]))
		return len(out) < limit, nil
	})
	return out, err
}

// restoreAnswer makes the index of an answer's expiry as PutAnswer and DropAnswer do.
func (w *writer) restoreAnswer(k, before, now []byte) error {
	for i, v := range [...][]byte{before, now} {
		if v == nil {
			continue
		}
		var m parleyv1.AnswerState
		if err := decode(k, v, &m); err != nil {
			return err
		}
		c := Change{Key: expiryKey(w.partition, schemas.InstantOf(m.ExpiresMs), schemas.RequestID(k[prefixLen:]))}
		if i == 1 {
			c.Value = []byte{}
		}
		w.put(c)
	}
	return nil
}

// HasFinished reports whether a call has ended, as far as its event is kept here.
func (t *Tx) HasFinished(id schemas.RequestID) (bool, error) {
	for i := range t.events {
		if e := &t.events[i]; e.call && e.requestID == id.String() {
			return true, nil
		}
	}
	v, err := get(t.db, finishedKey(t.partition, id))
	return v != nil, err
}
