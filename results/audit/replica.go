package audit

import (
	"slices"
	"time"
)

// replicaDelay is for how long what was stored may be missing on a replica: so much later the rows of a cluster are compared.
const replicaDelay = time.Minute

// moment is up to where all events were stored at a time.
type moment struct {
	at     time.Time
	stored []int64
}

// everywhere is up to where all events must be on every replica that may be asked. Tables that are not spread over a cluster have
// one.
func (a *Auditor) everywhere(stored []int64, active []part, now time.Time) []int64 {
	if !slices.ContainsFunc(active, func(p part) bool { return p.Name == "" }) {
		return stored
	}
	a.past = append(a.past, moment{now, stored})
	arrived := make([]int64, len(stored))
	for i, m := range a.past {
		if now.Sub(m.at) < replicaDelay {
			a.past = a.past[max(0, i-1):]
			break
		}
		arrived = m.stored
	}
	return arrived
}
