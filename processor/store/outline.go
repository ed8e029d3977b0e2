package store

import (
	"bytes"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"parley/schemas"
)

// Outline is what a status tells of a part of an open conversation. It is read from the part's record where that lies, without
// the objects of the call: they may have a megabyte, and a call that waits is asked about often.
type Outline struct {
	SequenceCode int32
	RequestID    schemas.RequestID
	Content      uint64
	AcceptedAt   time.Time
	// The rest is the call's.
	Account, ConversationID, Method string
	// Objects is how many the call has.
	Objects int
}

// Outline returns the outline of a part of an open conversation; false: there is none.
func (v *View) Outline(key schemas.ConversationKey, sequenceCode int32) (o Outline, found bool, err error) {
	k := partKey(v.partition, key, sequenceCode)
	found, err = inPlace(v.db, k, func(value []byte) error {
		o, err = decodeOutline(k, value)
		return err
	})
	return o, found, err
}

// Outlines returns the outlines of the parts of an open conversation, from the one behind a sequence code, at most limit.
func (v *View) Outlines(key schemas.ConversationKey, after int32, limit int) (parts []Outline, err error) {
	err = scan(v.db, partKey(v.partition, key, after+1), behind(partsKey(v.partition, key)), func(k, value []byte) (bool, error) {
		o, err := decodeOutline(k, value)
		if err != nil {
			return false, err
		}
		parts = append(parts, o)
		return len(parts) < limit, nil
	})
	return parts, err
}

func decodeOutline(key, value []byte) (Outline, error) {
	var o Outline
	if first(value) != format {
		return o, &FormatError{Key: bytes.Clone(key), Err: fmt.Errorf("unknown format %d", first(value))}
	}
	var call, id []byte
	err := eachField(value[1:], func(field protowire.Number, kind protowire.Type, value []byte) error {
		switch {
		case field == partCallField && kind == protowire.BytesType:
			call = value
		case field == partRequestIDField && kind == protowire.BytesType:
			id = value
		case field == partContentField && kind == protowire.Fixed64Type:
			o.Content, _ = protowire.ConsumeFixed64(value)
		case field == partAcceptedAtField && kind == protowire.VarintType:
			ms, _ := protowire.ConsumeVarint(value)
			o.AcceptedAt = schemas.InstantOf(int64(ms))
		}
		return nil
	})
	if err == nil {
		err = o.readCall(call)
	}
	if err == nil {
		o.RequestID, err = uuid.FromBytes(id)
	}
	if err != nil {
		return Outline{}, &FormatError{Key: bytes.Clone(key), Err: err}
	}
	_, o.SequenceCode = splitPartKey(key)
	return o, nil
}

// readCall reads an encoded call.
func (o *Outline) readCall(call []byte) error {
	return eachField(call, func(field protowire.Number, kind protowire.Type, value []byte) error {
		if kind != protowire.BytesType {
			return nil
		}
		switch field {
		case accountField:
			o.Account = string(value)
		case methodField:
			o.Method = string(value)
		case objectsField:
			o.Objects++
		case optionsField:
			return eachField(value, func(field protowire.Number, kind protowire.Type, value []byte) error {
				if field == conversationIDField && kind == protowire.BytesType {
					o.ConversationID = string(value)
				}
				return nil
			})
		}
		return nil
	})
}

// The numbers of fields of parley.v1.PartState, of Call and of its Options.
const (
	partCallField       = 1
	partRequestIDField  = 2
	partContentField    = 3
	partAcceptedAtField = 4

	accountField = 1
	methodField  = 3
	objectsField = 5
	optionsField = 6

	conversationIDField = 2
)

// eachField calls f for every field of an encoded message, with the content of one that has a length, and any other as it
// is encoded.
func eachField(b []byte, f func(protowire.Number, protowire.Type, []byte) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(field, kind, b); n < 0 {
			return protowire.ParseError(n)
		}
		value := b[:n]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		if err := f(field, kind, value); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
