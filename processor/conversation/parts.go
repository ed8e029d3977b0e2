package conversation

import "math/bits"

// Parts is a set of sequence codes, from 1: bit k-1 stands for k. The zero value is empty. It is never modified.
type Parts []byte

// Has reports whether the part with sequence code k is in the set.
func (p Parts) Has(k int32) bool {
	i := int(k-1) / 8
	return k >= 1 && i < len(p) && p[i]&(1<<((k-1)%8)) != 0
}

// With returns the set with k added.
func (p Parts) With(k int32) Parts {
	i := int(k-1) / 8
	out := make(Parts, max(len(p), i+1))
	copy(out, p)
	out[i] |= 1 << ((k - 1) % 8)
	return out
}

// All returns the set of the sequence codes from 1 to calls.
func All(calls int32) Parts {
	p := make(Parts, (calls+7)/8)
	for k := int32(1); k <= calls; k++ {
		p[(k-1)/8] |= 1 << ((k - 1) % 8)
	}
	return p
}

// Count returns how many parts are in the set.
func (p Parts) Count() int32 {
	n := 0
	for _, b := range p {
		n += bits.OnesCount8(b)
	}
	return int32(n)
}

// Missing returns the first sequence codes from 1 to calls that are not in the set, at most limit of them.
func (p Parts) Missing(calls int32, limit int) []int32 {
	var out []int32
	for k := int32(1); k <= calls && len(out) < limit; k++ {
		if !p.Has(k) {
			out = append(out, k)
		}
	}
	return out
}
