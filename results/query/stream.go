package query

import (
	"cmp"
	"math"
	"slices"

	"parley/schemas"
)

// place is where a result stands among those of its partition.
type place struct {
	sequence int64
	// ordinal is wholeCall behind the results of a call.
	ordinal int32
}

const wholeCall = math.MaxInt32

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.sequence, o.sequence), cmp.Compare(p.ordinal, o.ordinal))
}

// stream is what is known of the results of a partition that are asked for, in the order of their places.
type stream struct {
	partition int32
	// given is up to where (inclusive) all was given.
	given place
	// known has what was found between given and read, read is up to where (inclusive) it was looked for.
	known []resultRow
	read  place
	// end is the last sequence that is looked for.
	end int64
	// window is how many sequences are read at once. It grows while nothing is found.
	window int64
}

// dry reports whether the next result of the stream is not known, though there may be one.
func (s *stream) dry() bool {
	return len(s.known) == 0 && s.read.compare(place{s.end, wholeCall}) < 0
}

// span is the part of the stream that is read next.
func (s *stream) span() span {
	upto := s.end
	if s.window < upto-s.read.sequence {
		upto = s.read.sequence + s.window
	}
	return span{partition: s.partition, after: s.read, upto: upto}
}

// windowGrowth is by how much more is read of a stream after nothing was found in it.
const windowGrowth = 8

// found takes over what was found in a span when at the most limit were looked for; an insert that was repeated may have
// left one twice.
func (s *stream) found(in span, rows []resultRow, limit int) {
	s.read = place{in.upto, wholeCall}
	switch len(rows) {
	case 0:
		s.window = min(s.window, math.MaxInt64/windowGrowth) * windowGrowth
	case limit:
		s.read = rows[limit-1].place()
	}
	s.known = slices.CompactFunc(rows, func(a, b resultRow) bool { return a.place() == b.place() })
}

// share gives to each of some streams what was found in its span; all of it is in order.
func share(some []*stream, spans []span, found []resultRow, limit int) {
	for i, s := range some {
		its := found
		if n := slices.IndexFunc(found, func(r resultRow) bool { return r.Partition != s.partition }); n >= 0 {
			its = found[:n]
		}
		found = found[len(its):]
		s.found(spans[i], its, limit)
	}
}

// take gives the next result.
func (s *stream) take() resultRow {
	r := s.known[0]
	s.known, s.given = s.known[1:], r.place()
	return r
}

// reached is up to where (inclusive) there is nothing more to be given.
func (s *stream) reached() place {
	switch {
	case len(s.known) == 0:
		return s.read
	case s.known[0].Sequence > s.given.sequence:
		return place{s.known[0].Sequence - 1, wholeCall}
	}
	return s.given
}

// streams are those of a search, in the order of their partitions.
type streams struct {
	all []*stream
	// begun is the one of which a call may have been given in part: its results are not torn apart, so that a position has
	// one such call at the most. Nil: there is none.
	begun *stream
}

// newStreams are the streams of what stands behind one position and up to another one.
func newStreams(after, end schemas.Cursor, window int64) *streams {
	ss := new(streams)
	for i, sequence := range end.Sequences {
		s := &stream{partition: int32(i), given: place{after.Sequence(int32(i)), wholeCall}, end: sequence, window: window}
		part := after.Part
		inPart := part != nil && part.Partition == s.partition
		if inPart {
			s.given = place{part.Sequence, part.Ordinal}
		}
		if s.read = s.given; !s.dry() {
			continue
		}
		ss.all = append(ss.all, s)
		if inPart {
			ss.begun = s
		}
	}
	return ss
}

// next is the stream that has the next result; nil: there is none, or one that is dry might have it.
func (ss *streams) next() *stream {
	if b := ss.begun; b != nil && (b.dry() || len(b.known) > 0 && b.known[0].Sequence == b.given.sequence) {
		if b.dry() {
			return nil
		}
		return b
	}
	var first *stream
	for _, s := range ss.all {
		switch {
		case s.dry():
			return nil
		case len(s.known) > 0 && (first == nil || s.known[0].CompletedAt.Before(first.known[0].CompletedAt)):
			first = s
		}
	}
	return first
}

// merge appends to a page what comes next, until it is full or a stream is dry.
func (ss *streams) merge(page []resultRow, limit int) []resultRow {
	for len(page) < limit {
		s := ss.next()
		if s == nil {
			break
		}
		page = append(page, s.take())
		ss.begun = s
	}
	return page
}

// fill returns the page that comes next. read reads more of the streams that are dry, of each at least something; when it
// is late, it is not called again, and the page is what there is. more reports whether there is more than the page, or may
// be.
func (ss *streams) fill(limit int, late func() bool, read func(dry []*stream) error) (page []resultRow, more bool, err error) {
	for round := 0; ; round++ {
		page = ss.merge(page, limit)
		dry, known := ss.dry(), ss.known()
		if len(dry) == 0 || known && len(page) == limit || round > 0 && late() {
			return page, known || len(dry) > 0, nil
		}
		if err := read(dry); err != nil {
			return nil, false, err
		}
	}
}

// known reports whether there is a result that is known and was not given.
func (ss *streams) known() bool {
	return slices.ContainsFunc(ss.all, func(s *stream) bool { return len(s.known) > 0 })
}

// dry are the streams that must be read before a page can go on.
func (ss *streams) dry() []*stream {
	var out []*stream
	for _, s := range ss.all {
		if s.dry() {
			out = append(out, s)
		}
	}
	return out
}

// position is where a page that began behind after ends.
func (ss *streams) position(after schemas.Cursor) schemas.Cursor {
	c := after.Clone()
	for _, s := range ss.all {
		p := s.reached()
		if p.ordinal == wholeCall {
			c.Advance(s.partition, p.sequence)
			continue
		}
		c.Advance(s.partition, p.sequence-1)
		c.Part = &schemas.CursorPart{Partition: s.partition, Sequence: p.sequence, Ordinal: p.ordinal}
	}
	return c
}
