package sink

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// partition is what a member knows of a partition that it owns: records read, and the one block that they fill.
type partition struct {
	limits limits
	source source
	// plan is the mark that was found on assignment, until its block exists.
	plan mark
	// queue holds the records behind block, in order; they came at queued.
	queue  []*kgo.Record
	queued time.Time
	block  *block
	// stored is the offset behind the last block that was inserted, zero before the first one. settled: it is
	// committed without a plan. storedAt is when the last block was inserted.
	stored   int64
	settled  bool
	storedAt time.Time
	// end is the offset behind the last record that a reader may see, as the last fetch told.
	end int64
}

// limits bound a block.
type limits struct{ rows, bytes int }

// take appends records that were read at now; fill puts them to use.
func (p *partition) take(records []*kgo.Record, now time.Time) {
	if len(p.queue) == 0 {
		p.queued = now
	}
	p.queue = append(p.queue, records...)
}

// fill moves records from the queue into the block, until it is sealed or none is left.
func (p *partition) fill() {
	n := 0
	for _, r := range p.queue {
		if p.block == nil {
			p.block = p.begin(r)
		}
		if p.block.sealed || p.block.planned && r.Offset >= p.block.to {
			p.block.sealed = true
			break
		}
		p.block.add(r)
		p.block.sealed = p.full(p.block, r)
		n++
	}
	clear(p.queue[:n])
	p.queue = p.queue[n:]
}

// begin returns the block whose first record is r: the planned one, unless r shows that the log no longer holds
// any record of that.
func (p *partition) begin(r *kgo.Record) *block {
	b := &block{source: p.source, from: r.Offset, began: p.queued, written: r.Timestamp}
	if p.plan.planned && r.Offset < p.plan.to {
		b.from, b.to, b.planned = p.plan.offset, p.plan.to, true
	}
	p.plan = mark{}
	return b
}

// full reports whether b ends with r, its last record. Only limits and offsets may decide: a range that was planned
// must end where it did.
func (p *partition) full(b *block, r *kgo.Record) bool {
	if b.planned {
		return r.Offset+1 >= b.to
	}
	return b.rows() >= p.limits.rows || b.bytes >= p.limits.bytes
}

// done takes away the block, which is stored.
func (p *partition) done(now time.Time) {
	p.stored, p.settled, p.storedAt = p.block.to, false, now
	p.block = nil
	p.fill()
}

// due reports whether the block is to be written: it has its last record, or has waited for one long enough.
func (p *partition) due(now time.Time, wait time.Duration) bool {
	switch b := p.block; {
	case b == nil:
		return false
	case b.sealed:
		return true
	case b.planned:
		return false // its last record is on the way
	default:
		return now.Sub(b.began) >= wait
	}
}

// idle reports whether nothing waits and the last block still stands as a plan.
func (p *partition) idle() bool { return p.block == nil && !p.settled && !p.storedAt.IsZero() }

// position is how far the member has come.
func (p *partition) position() position {
	switch {
	case p.block != nil:
		return position{stored: p.block.from, end: p.end, oldest: p.block.written}
	case !p.storedAt.IsZero():
		return position{stored: p.stored, end: p.end}
	default:
		return position{stored: p.plan.offset, end: p.end} // as it was on assignment
	}
}
