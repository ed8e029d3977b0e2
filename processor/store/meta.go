package store

import (
	"slices"
	"time"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// finals are the final statuses of calls, in the order of Meta's counters.
var finals = [...]schemas.CallStatus{
	schemas.OK, schemas.HasErrors, schemas.Error, schemas.NotProcessed, schemas.Rejected, schemas.Cancelled, schemas.Expired,
}

// Finals returns the final statuses of calls.
func Finals() []schemas.CallStatus { return slices.Clone(finals[:]) }

// Meta is what the owner of a partition knows of the whole of it.
type Meta struct {
	// NextOffset is the first offset of parley.calls that has not been applied.
	NextOffset int64
	// LogTime is the running maximum of the append times read; zero: nothing was read.
	LogTime time.Time
	// Sequence is that of the last event written.
	Sequence int64
	// Accepted counts the calls that were read: Open, Resent, or ended with a status of Final.
	Accepted int64
	Resent   int64
	Open     int64
	// Fence rises with every change of the partition's owner.
	Fence int64
	// Early counts the answers that came before their calls waited for one.
	Early int64
	// Deliveries counts those that have not ended.
	Deliveries int64
	final      [len(finals)]int64
}

// Final returns how many calls ended with each status.
func (m *Meta) Final() map[schemas.CallStatus]int64 {
	out := make(map[schemas.CallStatus]int64, len(finals))
	for i, s := range finals {
		out[s] = m.final[i]
	}
	return out
}

// Rejected returns how many calls ended as Rejected.
func (m *Meta) Rejected() int64 { return m.final[slices.Index(finals[:], schemas.Rejected)] }

// CountFinal counts a call that ended with s.
func (m *Meta) CountFinal(s schemas.CallStatus) {
	m.final[slices.Index(finals[:], s)]++
}

func (m *Meta) proto() *parleyv1.PartitionState {
	p := &parleyv1.PartitionState{
		NextOffset: m.NextOffset,
		LogTimeMs:  schemas.MilliOf(m.LogTime),
		Sequence:   m.Sequence,
		Accepted:   m.Accepted,
		Resent:     m.Resent,
		Open:       m.Open,
		Fence:      m.Fence,
		Early:      m.Early,
		Deliveries: m.Deliveries,
		Final:      make(map[string]int64, len(finals)),
	}
	for i, s := range finals {
		if m.final[i] > 0 {
			p.Final[string(s)] = m.final[i]
		}
	}
	return p
}

func metaOf(p *parleyv1.PartitionState) Meta {
	m := Meta{
		NextOffset: p.NextOffset,
		LogTime:    schemas.InstantOf(p.LogTimeMs),
		Sequence:   p.Sequence,
		Accepted:   p.Accepted,
		Resent:     p.Resent,
		Open:       p.Open,
		Fence:      p.Fence,
		Early:      p.Early,
		Deliveries: p.Deliveries,
	}
	for i, s := range finals {
		m.final[i] = p.Final[string(s)]
	}
	return m
}
