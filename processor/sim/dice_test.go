package sim

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// dice decide everything in a run, from its seed. Decisions whose order is the run's own are drawn from a stream;
// those that goroutines take when they come to it are hashes of what they are about, so that it does not matter who
// comes first.
type dice struct{ seed uint64 }

// stream returns the stream of that name, from its beginning.
func (d dice) stream(name string) *roll {
	return &roll{rand.New(rand.NewPCG(d.seed, d.hash(name)))}
}

// hash is a number made of the seed and of what it is about: strings and uint64.
func (d dice) hash(about ...any) uint64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.BigEndian, d.seed) // a hash takes everything
	for _, a := range about {
		fmt.Fprintf(h, "%v\x00", a)
	}
	x := h.Sum64() // FNV mixes its last bytes badly: murmur's finalizer
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// roll is a stream of decisions.
type roll struct{ *rand.Rand }

// chance is true so many times in a hundred.
func (r *roll) chance(percent int) bool { return r.IntN(100) < percent }

// between is a time of at least lo and below hi, to the nanosecond.
func (r *roll) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(r.Int64N(int64(hi-lo)))
}

// one picks.
func one[T any](r *roll, from ...T) T { return from[r.IntN(len(from))] }
