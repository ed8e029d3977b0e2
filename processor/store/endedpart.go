package store

import (
	"fmt"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// endedParts are what came of parts that ended in a turn. They are encoded when it is over: of those whose conversation has
// ended with them nothing is kept.
type endedParts struct {
	at    map[place]*parleyv1.ResultEvent
	order []place
}

// PutEndedPart keeps the event of the end of a part until the end of its conversation is told.
func (t *Tx) PutEndedPart(key schemas.ConversationKey, sequenceCode int32, e *parleyv1.ResultEvent) {
	at := place{key, sequenceCode}
	if t.ended.at == nil {
		t.ended.at = make(map[place]*parleyv1.ResultEvent)
	}
	t.ended.at[at] = e
	t.ended.order = append(t.ended.order, at)
}

// TakeEndedPart returns what PutEndedPart has kept, and forgets it; nil: nothing is kept.
func (t *Tx) TakeEndedPart(key schemas.ConversationKey, sequenceCode int32) (*parleyv1.ResultEvent, error) {
	at := place{key, sequenceCode}
	if e, ok := t.ended.at[at]; ok {
		delete(t.ended.at, at)
		return e, nil
	}
	k := endedPartKey(t.partition, key, sequenceCode)
	v, err := t.get(k)
	if err != nil || v == nil {
		return nil, err
	}
	t.set(k, nil)
	e := new(parleyv1.ResultEvent)
	return e, decode(k, v, e)
}

// keepEndedParts takes down what came of parts whose conversations have not ended.
func (t *Tx) keepEndedParts() error {
	for _, at := range t.ended.order {
		e, kept := t.ended.at[at]
		if !kept {
			continue
		}
		value, err := encode(e)
		if err != nil {
			return fmt.Errorf("encode part that ended: %w", err)
		}
		t.set(endedPartKey(t.partition, at.key, at.sequenceCode), value)
	}
	return nil
}
