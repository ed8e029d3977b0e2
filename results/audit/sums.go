package audit

import "slices"

// spanLen is how many sequences a span has.
const spanLen = 1 << 16

// spanKey names a span: the sequences from index*spanLen on. There is no sequence 0.
type spanKey struct {
	partition int32
	index     int64
}

// sums are what rows come to: how many they are, and the sum of the hashes of their identities.
type sums struct {
	rows, hash uint64
}

func (s *sums) add(t sums) {
	s.rows += t.rows
	s.hash += t.hash
}

// spanSums are those of the rows of one span.
type spanSums struct {
	// events are the rows of calls, conversations and deliveries.
	events sums
	// wanted are the results that the calls among them must have, results those that there are.
	wanted, results sums
}

func (s *spanSums) add(t spanSums) {
	s.events.add(t.events)
	s.wanted.add(t.wanted)
	s.results.add(t.results)
}

// hash is ClickHouse's intHash64.
func hash(x uint64) uint64 {
	x ^= 0x4cf2d2baae6da887
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// expected knows what the events of a span must come to. Those of whole spans are kept: they are the same in all partitions.
type expected struct {
	whole []uint64 // by index
}

// events returns the sums of the sequences of a span up to, and with, a last one.
func (e *expected) events(index, last int64) sums {
	first := max(1, index*spanLen)
	if last < first {
		return sums{}
	}
	if end := (index+1)*spanLen - 1; last >= end {
		return sums{rows: uint64(end - first + 1), hash: e.hashOf(index)}
	}
	return sums{rows: uint64(last - first + 1), hash: hashOfRange(first, last)}
}

func (e *expected) hashOf(index int64) uint64 {
	for next := int64(len(e.whole)); next <= index; next++ {
		e.whole = append(e.whole, hashOfRange(max(1, next*spanLen), (next+1)*spanLen-1))
	}
	return e.whole[index]
}

func hashOfRange(first, last int64) (h uint64) {
	for s := first; s <= last; s++ {
		h += hash(uint64(s))
	}
	return h
}

// statusCounts counts calls by their final status, in the order of finals.
type statusCounts []uint64

func (c statusCounts) plus(d statusCounts) statusCounts {
	if len(c) == 0 {
		return slices.Clone(d)
	}
	for i := range d {
		c[i] += d[i]
	}
	return c
}
