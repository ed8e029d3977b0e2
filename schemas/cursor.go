package schemas

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// Cursor is a position in all results: for each partition of parley.calls, what was given of its events. Results that come
// later stand behind it, whatever their times, so that who goes on from it misses none and meets none twice. The zero
// value is before all.
type Cursor struct {
	// Sequences has, at the index of each partition, the sequence up to which (inclusive) all was given. Of a partition
	// beyond its end nothing was.
	Sequences []int64
	// Part is a call behind them of which some results were given; nil: there is none.
	Part *CursorPart
}

// CursorPart is a call of which the results up to an ordinal (inclusive) were given.
type CursorPart struct {
	// Partition and Sequence are those of the call's event.
	Partition int32
	Sequence  int64
	Ordinal   int32
}

// Sequence is that up to which (inclusive) all of a partition was given.
func (c Cursor) Sequence(partition int32) int64 {
	if int(partition) >= len(c.Sequences) {
		return 0
	}
	return c.Sequences[partition]
}

// Advance notes that all of a partition was given up to a sequence (inclusive), unless more was.
func (c *Cursor) Advance(partition int32, sequence int64) {
	if n := int(partition) + 1; n > len(c.Sequences) {
		c.Sequences = append(c.Sequences, make([]int64, n-len(c.Sequences))...)
	}
	c.Sequences[partition] = max(c.Sequences[partition], sequence)
	if c.Part != nil && c.Part.Partition == partition && c.Part.Sequence <= sequence {
		c.Part = nil
	}
}

// Clone returns a copy that shares nothing with c.
func (c Cursor) Clone() Cursor {
	c.Sequences = slices.Clone(c.Sequences)
	if c.Part != nil {
		part := *c.Part
		c.Part = &part
	}
	return c
}

// cursorVersion begins the bytes of a cursor's text.
const cursorVersion = 1

// String is the text of a cursor: URL-safe base64 of the version, the number of partitions, the sequence of each, and, if a
// call was given in part, its partition, sequence and ordinal, all as varints. Equal positions have equal texts.
func (c Cursor) String() string {
	sequences := c.Sequences
	for len(sequences) > 0 && sequences[len(sequences)-1] == 0 {
		sequences = sequences[:len(sequences)-1]
	}
	b := binary.AppendUvarint([]byte{cursorVersion}, uint64(len(sequences)))
	for _, s := range sequences {
		b = binary.AppendUvarint(b, uint64(s))
	}
	if p := c.Part; p != nil {
		b = binary.AppendUvarint(b, uint64(p.Partition))
		b = binary.AppendUvarint(b, uint64(p.Sequence))
		b = binary.AppendUvarint(b, uint64(p.Ordinal))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

var errNoCursor = errors.New("this is no cursor that Parley gave")

// ParseCursor reads what String has written.
func ParseCursor(text string) (Cursor, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 2 || b[0] != cursorVersion {
		return Cursor{}, errNoCursor
	}
	r := varints{b: b[1:]}
	var c Cursor
	if n := r.next(PartitionsMax); n > 0 && n <= int64(len(r.b)) {
		c.Sequences = make([]int64, n)
		for i := range c.Sequences {
			c.Sequences[i] = r.next(math.MaxInt64)
		}
	} else if n > 0 {
		return Cursor{}, errNoCursor
	}
	if len(r.b) > 0 {
		c.Part = &CursorPart{Partition: int32(r.next(PartitionsMax - 1)), Sequence: r.next(math.MaxInt64), Ordinal: int32(r.next(ObjectsCeiling))}
	}
	// What String would write otherwise is not taken: a position has one text.
	if r.bad || len(r.b) > 0 || c.String() != text || c.Part != nil && c.Part.Sequence <= c.Sequence(c.Part.Partition) {
		return Cursor{}, errNoCursor
	}
	return c, nil
}

// varints reads numbers from bytes until one is none.
type varints struct {
	b   []byte
	bad bool
}

func (v *varints) next(most int64) int64 {
	n, size := binary.Uvarint(v.b)
	if size <= 0 || n > uint64(most) {
		v.bad, v.b = true, nil
		return 0
	}
	v.b = v.b[size:]
	return int64(n)
}
