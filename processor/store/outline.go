package store

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Outline is what a status tells of a call.
type Outline struct {
	Account, ConversationID, Method string
	// Objects is how many the call has.
	Objects int
}

// Outline returns the outline of the call. Of an encoded call it reads no more than that: the objects may have a
// megabyte, and a call that waits is asked about often.
func (p *Part) Outline() (Outline, error) {
	if m := p.Message; m != nil {
		return Outline{Account: m.Account, ConversationID: m.GetOptions().GetConversationId(), Method: m.Method, Objects: len(m.Objects)}, nil
	}
	var o Outline
	err := eachField(p.Call, func(field protowire.Number, value []byte) error {
		switch field {
		case accountField:
			o.Account = string(value)
		case methodField:
			o.Method = string(value)
		case objectsField:
			o.Objects++
		case optionsField:
			return eachField(value, func(field protowire.Number, value []byte) error {
				if field == conversationIDField {
					o.ConversationID = string(value)
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return Outline{}, fmt.Errorf("read call %s: %w", p.RequestID, err)
	}
	return o, nil
}

// The numbers of fields of parley.v1.Call and of its Options.
const (
	accountField        = 1
	methodField         = 3
	objectsField        = 5
	optionsField        = 6
	conversationIDField = 2
)

// eachField calls f for every field of an encoded message that has a length.
func eachField(b []byte, f func(field protowire.Number, value []byte) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(field, kind, b); n < 0 {
				return protowire.ParseError(n)
			}
			b = b[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := f(field, value); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
