package store

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// toldKinds are the kinds of records that hold what is told, or will be, in the order in which ToldAbout looks at them.
var toldKinds = []byte{kindEndedPart, kindNotice}

// ToldAbout looks at what is committed of ends that are being told, from the one behind a cursor on (nil: from the first), and
// returns the keys of those with an object of a subject. It looks at no more than the portion, but at one at the least. next is
// the cursor to go on from; nil: it has seen all.
func (s *Store) ToldAbout(partition int32, account string, subject uint64, after []byte, most Portion) (found [][]byte, next []byte, err error) {
	for _, kind := range toldKinds {
		all := prefix(partition, kind)
		lower := all
		switch {
		case len(after) > 0 && after[0] > kind:
			continue
		case len(after) > 0 && after[0] == kind:
			lower = append(append(bytes.Clone(all), after[1:]...), 0)
		}
		err = scan(s.db, lower, behind(all), func(k, value []byte) (bool, error) {
			t, err := decodeTold(k, value)
			if err != nil {
				return false, err
			}
			if t.account() == account && t.erase(subject) {
				found = append(found, bytes.Clone(k))
			}
			most.Parts, most.Bytes = most.Parts-1, most.Bytes-len(value)
			if most.Parts <= 0 || most.Bytes <= 0 {
				next = bytes.Clone(k[prefixLen-1:])
			}
			return next == nil, nil
		})
		if err != nil || next != nil {
			return found, next, err
		}
	}
	return found, nil, nil
}

// EraseTold takes the data of a subject out of a record that ToldAbout has found, if it is still there.
func (t *Tx) EraseTold(key []byte, subject uint64) error {
	v, err := t.get(key)
	if err != nil || v == nil {
		return err
	}
	r, err := decodeTold(key, v)
	if err != nil {
		return err
	}
	r.erase(subject)
	value, err := encode(r.message())
	if err != nil {
		return fmt.Errorf("encode what is told: %w", err)
	}
	t.set(key, value)
	return nil
}

// told is a record that holds what is told: one of the two.
type told struct {
	notice *parleyv1.NoticeState
	part   *parleyv1.ResultEvent
}

func decodeTold(key, value []byte) (t told, err error) {
	if key[prefixLen-1] == kindNotice {
		t.notice = new(parleyv1.NoticeState)
		return t, decode(bytes.Clone(key), value, t.notice)
	}
	t.part = new(parleyv1.ResultEvent)
	return t, decode(bytes.Clone(key), value, t.part)
}

func (t told) message() proto.Message {
	if t.notice != nil {
		return t.notice
	}
	return t.part
}

func (t told) account() string {
	if t.notice != nil {
		return t.notice.GetEvent().GetAccount()
	}
	return t.part.GetAccount()
}

// erase takes the data of a subject out, and reports whether there was some.
func (t told) erase(subject uint64) bool {
	if t.part != nil {
		return eraseResults(t.part, subject)
	}
	erased := eraseResults(t.notice.GetEvent(), subject)
	for _, e := range t.notice.GetCalls() {
		erased = eraseResults(e, subject) || erased
	}
	for _, p := range t.notice.GetPayloads() {
		for i, o := range p.GetObjects() {
			if schemas.Subject(t.account(), o.GetSubscriberKey()) == subject {
				p.Objects[i] = &parleyv1.Object{Type: o.Type, CorrelationId: o.CorrelationId}
				erased = true
			}
		}
	}
	return erased
}

// eraseResults takes what results/erasure takes out of the record: keys and texts, never how an object ended.
func eraseResults(e *parleyv1.ResultEvent, subject uint64) bool {
	erased := false
	for _, r := range e.GetCall().GetResults() {
		if r.GetSubject() == subject {
			r.CustomerKey, r.Message, r.Subject = "", "", 0
			e.GetCall().Message = ""
			erased = true
		}
	}
	return erased
}
