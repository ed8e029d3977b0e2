package schemas

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"
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
	// Since is set in a cursor that does not know all partitions: of those that are Unplaced, or beyond the end of Sequences,
	// what ended before then was given, as far as nothing that ended later has a lower sequence. It has no Part.
	Since time.Time
}

// Unplaced stands for the sequence of a partition that a cursor with a Since does not know.
const Unplaced = -1

// CursorPart is a call of which the results up to an ordinal (inclusive) were given.
type CursorPart struct {
	// Partition and Sequence are those of the call's event.
	Partition int32
	Sequence  int64
	Ordinal   int32
}

// Sequence is that up to which (inclusive) all of a partition was given, or Unplaced.
func (c Cursor) Sequence(partition int32) int64 {
	if int(partition) >= len(c.Sequences) {
		return c.beyond()
	}
	return c.Sequences[partition]
}

// beyond is the sequence of a partition beyond the end.
func (c Cursor) beyond() int64 {
	if c.Since.IsZero() {
		return 0
	}
	return Unplaced
}

// Advance notes that all of a partition was given up to a sequence (inclusive), unless more was.
func (c *Cursor) Advance(partition int32, sequence int64) {
	for len(c.Sequences) <= int(partition) {
		c.Sequences = append(c.Sequences, c.beyond())
	}
	c.Sequences[partition] = max(c.Sequences[partition], sequence)
	if c.Part != nil && c.Part.Partition == partition && c.Part.Sequence <= sequence {
		c.Part = nil
	}
}

// Withdraw notes that what a partition has from a sequence on (inclusive) was not given; an unplaced one stays so.
func (c *Cursor) Withdraw(partition int32, sequence int64) {
	if int(partition) < len(c.Sequences) {
		c.Sequences[partition] = min(c.Sequences[partition], sequence-1)
	}
}

// Unplace forgets where a partition stands, in a cursor with a Since.
func (c *Cursor) Unplace(partition int32) {
	if int(partition) < len(c.Sequences) {
		c.Sequences[partition] = Unplaced
	}
}

// Settle takes Since out of a cursor that knows all of so many partitions.
func (c *Cursor) Settle(partitions int32) {
	for p := range partitions {
		if c.Sequence(p) == Unplaced {
			return
		}
	}
	c.Since = time.Time{}
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

// The first byte of a cursor's text: cursorVersion, or sinceVersion of one with a Since.
const (
	cursorVersion = 1
	sinceVersion  = 2
)

// sinceMax bounds Since, in milliseconds since 1970: the end of the year 9999.
const sinceMax = 253_402_300_799_999

// String is the text of a cursor: URL-safe base64 of the version, the number of partitions, the sequence of each, and, if a
// call was given in part, its partition, sequence and ordinal, all as varints. With a Since, its milliseconds since 1970 stand
// behind the version, and sequences are one more than they are, so that zero is Unplaced. Equal positions have equal texts.
func (c Cursor) String() string {
	b, plus := []byte{cursorVersion}, int64(0)
	if !c.Since.IsZero() {
		b, plus = binary.AppendUvarint([]byte{sinceVersion}, uint64(c.Since.UnixMilli())), 1
	}
	sequences := c.Sequences
	for len(sequences) > 0 && sequences[len(sequences)-1] == c.beyond() {
		sequences = sequences[:len(sequences)-1]
	}
	b = binary.AppendUvarint(b, uint64(len(sequences)))
	for _, s := range sequences {
		b = binary.AppendUvarint(b, uint64(s+plus))
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
	if err != nil || len(b) < 2 || b[0] != cursorVersion && b[0] != sinceVersion {
		return Cursor{}, errNoCursor
	}
	r := varints{b: b[1:]}
	var c Cursor
	plus := int64(0)
	if b[0] == sinceVersion {
		c.Since, plus = time.UnixMilli(r.next(sinceMax)).UTC(), 1
	}
	if n := r.next(PartitionsMax); n > 0 && n <= int64(len(r.b)) {
		c.Sequences = make([]int64, n)
		for i := range c.Sequences {
			c.Sequences[i] = r.next(math.MaxInt64) - plus
		}
	} else if n > 0 {
		return Cursor{}, errNoCursor
	}
	if len(r.b) > 0 && c.Since.IsZero() {
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
