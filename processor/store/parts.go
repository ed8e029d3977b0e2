package store

import (
	"fmt"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// place is a part of a conversation.
type place struct {
	key          schemas.ConversationKey
	sequenceCode int32
}

// parts are the parts that a turn has seen. They are encoded when the turn is over: one that comes and goes in the same
// turn leaves no trace.
type parts struct {
	at    map[place]*turnPart
	order []place // of their first use
	byID  map[schemas.RequestID]place
}

type turnPart struct {
	Part
	made    bool // the store does not have it
	dropped bool
	// replaced: the store has another in its place.
	replaced bool
	bytes    int64 // of the call that the store has, of a part that is dropped or replaced
}

func newParts() parts {
	return parts{at: make(map[place]*turnPart), byID: make(map[schemas.RequestID]place)}
}

func (s *parts) add(at place, p *turnPart) {
	if _, again := s.at[at]; !again {
		s.order = append(s.order, at)
	}
	s.at[at] = p
	if !at.key.Single() {
		s.byID[p.RequestID] = at
	}
}

// drop deletes a part, and lets go of its payload.
func (s *parts) drop(at place, p Part) {
	known, ok := s.at[at]
	if !ok {
		known = new(turnPart)
	}
	if !known.replaced {
		known.bytes = int64(len(p.Call))
	}
	known.Part, known.dropped = Part{RequestID: p.RequestID}, true
	s.add(at, known)
}

// part returns a part of a conversation, as this turn has it.
func (t *Tx) part(key schemas.ConversationKey, sequenceCode int32) (Part, bool, error) {
	at := place{key, sequenceCode}
	if p, ok := t.parts.at[at]; ok {
		return p.Part, !p.dropped, nil
	}
	p, ok, err := t.reader.part(key, sequenceCode)
	if ok {
		t.parts.add(at, &turnPart{Part: p})
	}
	return p, ok, err
}

// peek returns a part as part does, and does not keep it.
func (t *Tx) peek(key schemas.ConversationKey, sequenceCode int32) (Part, bool, error) {
	if p, ok := t.parts.at[place{key, sequenceCode}]; ok {
		return p.Part, !p.dropped, nil
	}
	return t.reader.part(key, sequenceCode)
}

// Part returns a part of an open conversation.
func (t *Tx) Part(key schemas.ConversationKey, sequenceCode int32) (Part, error) {
	p, ok, err := t.part(key, sequenceCode)
	if err == nil && !ok {
		err = missing(key, sequenceCode)
	}
	return p, err
}

// Peek returns a part as Part does, but keeps nothing of it for the rest of the turn: for those that are read once.
// All parts of a conversation may be more than memory holds.
func (t *Tx) Peek(key schemas.ConversationKey, sequenceCode int32) (Part, error) {
	p, ok, err := t.peek(key, sequenceCode)
	if err == nil && !ok {
		err = missing(key, sequenceCode)
	}
	return p, err
}

func missing(key schemas.ConversationKey, sequenceCode int32) error {
	return fmt.Errorf("part %d of conversation %q is not in the store", sequenceCode, key)
}

// Call returns the call of a part of an open conversation. known is the same, from elsewhere; nil: it is to be read. Of what
// has been erased since the part came, known may not know.
func (t *Tx) Call(key schemas.ConversationKey, sequenceCode int32, known *parleyv1.Call) (*parleyv1.Call, error) {
	if _, err := t.Part(key, sequenceCode); err != nil {
		return nil, err
	}
	p := t.parts.at[place{key, sequenceCode}]
	if p.Message == nil && !p.Erased {
		p.Message = known
	}
	return p.Decode()
}

// PutPart keeps a part that an open conversation did not have before.
func (t *Tx) PutPart(key schemas.ConversationKey, sequenceCode int32, p Part) {
	t.parts.add(place{key, sequenceCode}, &turnPart{Part: p, made: true})
}

// ReplacePart puts another call in the place of one that Part returned, for the same request id and content.
func (t *Tx) ReplacePart(key schemas.ConversationKey, sequenceCode int32, p Part) {
	known := t.parts.at[place{key, sequenceCode}]
	if !known.made && !known.replaced {
		known.replaced, known.bytes = true, int64(len(known.Call))
	}
	known.Part = p
}

// changeParts takes down what has become of the parts.
func (t *Tx) changeParts() error {
	for _, at := range t.parts.order {
		p := t.parts.at[at]
		if p.made == p.dropped && (p.made || !p.replaced) {
			continue // it was only read, or comes and goes
		}
		k := partKey(t.partition, at.key, at.sequenceCode)
		index, indexed, err := partIndex(t.partition, k, &p.Part)
		if err != nil {
			return err
		}
		h, err := t.hold(at.key)
		if err != nil {
			return err
		}
		var value []byte
		if p.dropped {
			index.Value = nil
		} else if value, err = encodePart(&p.Part); err != nil {
			return fmt.Errorf("encode part: %w", err)
		}
		h.count(int64(len(p.Call)) - p.bytes)
		h.dirty = true // whoever restores counts the bytes when it comes to the conversation
		t.set(k, value)
		if indexed {
			t.local.set(index.Key, index.Value)
		}
	}
	return nil
}
