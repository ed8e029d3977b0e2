package sink

import (
	"errors"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

var (
	errNotUTF8     = errors.New("text that is not UTF-8")
	errFieldNumber = errors.New("field number that is too large")
)

// field is a field of a protobuf message as it was written: value holds text, bytes and messages, number all else. The methods
// set what is written as they say; a field that is written otherwise is one that we do not know.
type field struct {
	num    protowire.Number
	typ    protowire.Type
	value  []byte
	number uint64
}

// text sets s to text that is not copied.
func (f field) text(s *string) error {
	if f.typ != protowire.BytesType {
		return nil
	}
	if !utf8.Valid(f.value) {
		return errNotUTF8
	}
	*s = unsafe.String(unsafe.SliceData(f.value), len(f.value))
	return nil
}

// bytes sets b to bytes that are not copied.
func (f field) bytes(b *[]byte) {
	if f.typ == protowire.BytesType {
		*b = f.value
	}
}

func (f field) int32(n *int32) {
	if f.typ == protowire.VarintType {
		*n = int32(f.number)
	}
}

func (f field) int64(n *int64) {
	if f.typ == protowire.VarintType {
		*n = int64(f.number)
	}
}

func (f field) fixed64(n *uint64) {
	if f.typ == protowire.Fixed64Type {
		*n = f.number
	}
}

// eachField gives the fields of a message to take, in order.
func eachField(message []byte, take func(f field) error) error {
	for len(message) > 0 {
		var f field
		var n int
		f.num, f.typ, n = protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if f.num > protowire.MaxValidNumber {
			return errFieldNumber
		}
		message = message[n:]
		switch f.typ {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			f.number, n = protowire.ConsumeFixed64(message)
		case protowire.BytesType:
			f.value, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(f.num, f.typ, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := take(f); err != nil {
			return err
		}
	}
	return nil
}
