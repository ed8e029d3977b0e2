package store

import "sync/atomic"

// commits tells who reads a partition without a snapshot whether anything was committed to it meanwhile.
type commits struct {
	begun, done atomic.Uint64
}

// begin is called before a commit, and what it returns after it.
func (c *commits) begin() (end func()) {
	c.begun.Add(1)
	return c.ended
}

func (c *commits) ended() { c.done.Add(1) }

// quiet returns how many commits there have been; false: one is under way.
func (c *commits) quiet() (uint64, bool) {
	done := c.done.Load() // before begun: if they are the same, none began in between
	return done, c.begun.Load() == done
}

// since reports whether a commit has begun since there had been so many.
func (c *commits) since(n uint64) bool { return c.begun.Load() != n }

// commitsKept is how many counters there are. Partitions that share one only read again once in a while.
const commitsKept = 256

func (s *Store) commitsOf(partition int32) *commits { return &s.commits[uint32(partition)%commitsKept] }
