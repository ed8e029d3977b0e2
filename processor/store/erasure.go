package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/encoding/protowire"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Erasure is a request to erase what is held of a person in a partition.
type Erasure struct {
	// Offset is where in the partition of parley.calls its record stands.
	Offset  int64
	Account string
	// Subject is the schemas.Subject of the person.
	Subject uint64
	// DryRun: it only counts.
	DryRun bool
	// Cursor is where to go on: see PartsAbout, and, when Told is set, ToldAbout.
	Cursor []byte
	Told   bool
	// Open and Kept count the calls that had objects of the person, of open conversations and of those that failed; Objects
	// the objects.
	Open, Kept, Objects int64
	// EndedAt is when all had been looked at; zero: not yet. Sequence is that of the last event then.
	EndedAt  time.Time
	Sequence int64
}

// PutErasure keeps how far an erasure has come.
func (t *Tx) PutErasure(e Erasure) error {
	value, err := encode(&parleyv1.ErasureState{
		Account:   e.Account,
		Subject:   e.Subject,
		DryRun:    e.DryRun,
		Cursor:    e.Cursor,
		Told:      e.Told,
		Waiting:   e.Open,
		Kept:      e.Kept,
		Objects:   e.Objects,
		EndedAtMs: schemas.MilliOf(e.EndedAt),
		Sequence:  e.Sequence,
	})
	if err != nil {
		return fmt.Errorf("encode erasure: %w", err)
	}
	t.set(erasureKey(t.partition, e.Offset), value)
	return nil
}

// DropErasure forgets an erasure.
func (t *Tx) DropErasure(offset int64) { t.set(erasureKey(t.partition, offset), nil) }

// Erasure returns how far the erasure has come whose record stands at an offset; false: it is not known.
func (v *View) Erasure(offset int64) (Erasure, bool, error) {
	k := erasureKey(v.partition, offset)
	value, err := v.get(k)
	if err != nil || value == nil {
		return Erasure{}, false, err
	}
	e, err := decodeErasure(k, value)
	return e, err == nil, err
}

// Erasures returns the erasures of a partition that are not forgotten, in the order of their records.
func (s *Store) Erasures(partition int32) ([]Erasure, error) {
	var out []Erasure
	lower := prefix(partition, kindErasure)
	err := scan(s.db, lower, behind(lower), func(k, value []byte) (bool, error) {
		e, err := decodeErasure(k, value)
		out = append(out, e)
		return true, err
	})
	return out, err
}

func decodeErasure(key, value []byte) (Erasure, error) {
	var m parleyv1.ErasureState
	if err := decode(bytes.Clone(key), value, &m); err != nil {
		return Erasure{}, err
	}
	return Erasure{
		Offset:   int64(binary.BigEndian.Uint64(key[prefixLen:])),
		Account:  m.Account,
		Subject:  m.Subject,
		DryRun:   m.DryRun,
		Cursor:   m.Cursor,
		Told:     m.Told,
		Open:     m.Waiting,
		Kept:     m.Kept,
		Objects:  m.Objects,
		EndedAt:  schemas.InstantOf(m.EndedAtMs),
		Sequence: m.Sequence,
	}, nil
}

// PartPlace is where a part is.
type PartPlace struct {
	Conversation schemas.ConversationKey
	SequenceCode int32
}

// Portion bounds a look at the parts.
type Portion struct{ Parts, Bytes int }

// PartsAbout looks at the committed parts of an account, from the one behind a cursor on (nil: from the first), and returns
// those with an object of a subject. It looks at no more than the portion, but at one at the least. next is the cursor to go
// on from; nil: it has seen all.
func (s *Store) PartsAbout(partition int32, account string, subject uint64, after []byte, most Portion) (found []PartPlace, next []byte, err error) {
	kind := prefix(partition, kindPart)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: kind, UpperBound: behind(kind)})
	if err != nil {
		return nil, nil, fmt.Errorf("scan parts: %w", err)
	}
	start := accountPartsKey(partition, account, 0)
	if after != nil {
		start = append(append(bytes.Clone(kind), after...), 0)
	}
	ok := it.SeekGE(start)
	for ok && err == nil {
		k := it.Key()
		if own, further := inAccountParts(partition, account, k); !own {
			ok = it.SeekGE(further)
			continue
		}
		var about bool
		if about, err = partIsAbout(k, it.Value(), account, subject); about {
			key, code := splitPartKey(k)
			found = append(found, PartPlace{Conversation: key, SequenceCode: code})
		}
		most.Parts, most.Bytes = most.Parts-1, most.Bytes-len(it.Value())
		if most.Parts <= 0 || most.Bytes <= 0 {
			next = bytes.Clone(k[prefixLen:])
			break
		}
		ok = it.Next()
	}
	if closed := it.Close(); err == nil && closed != nil {
		err = fmt.Errorf("scan parts: %w", closed)
	}
	return found, next, err
}

// inAccountParts reports whether a key is that of a part of an account. The parts of an account are together for each
// length of a conversation's key: if it is not, the next of them is not before further.
func inAccountParts(partition int32, account string, k []byte) (own bool, further []byte) {
	length := int(binary.BigEndian.Uint16(k[prefixLen:]))
	further = accountPartsKey(partition, account, length)
	switch {
	case bytes.HasPrefix(k, further):
		return true, nil
	case bytes.Compare(k, further) > 0:
		further = accountPartsKey(partition, account, length+1)
	}
	return false, further
}

// partIsAbout reports whether a part has an object of a subject. It is read where it lies.
func partIsAbout(key, value []byte, account string, subject uint64) (about bool, err error) {
	if first(value) != format {
		return false, &FormatError{Key: bytes.Clone(key), Err: fmt.Errorf("unknown format %d", first(value))}
	}
	err = eachBytes(value[1:], partCallField, func(call []byte) error {
		return eachBytes(call, objectsField, func(object []byte) error {
			return eachBytes(object, subscriberKeyField, func(name []byte) error {
				about = about || schemas.Subject(account, string(name)) == subject
				return nil
			})
		})
	})
	if err != nil {
		return false, &FormatError{Key: bytes.Clone(key), Err: err}
	}
	return about, nil
}

// subscriberKeyField is the number of the field of parley.v1.Object.
const subscriberKeyField = 3

// eachBytes calls f for every field of an encoded message that has a number and a length.
func eachBytes(b []byte, number protowire.Number, f func([]byte) error) error {
	return eachField(b, func(field protowire.Number, kind protowire.Type, value []byte) error {
		if field != number || kind != protowire.BytesType {
			return nil
		}
		return f(value)
	})
}
