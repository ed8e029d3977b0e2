package processor

import (
	"math"
	"time"

	"parley/schemas"
)

// ahead is where an attempt waits: how many others get their places before it, and when it is likely to get one.
type ahead struct {
	others int
	// in is by the line's throughput, when it gets anywhere; zero: nobody can tell.
	in time.Duration
}

// place tells where the attempt of a conversation waits; false: it does not wait in memory.
func (r *running) place(key schemas.ConversationKey, now time.Time) (ahead, bool) {
	r.mu.RLock()
	w := r.works[key]
	r.mu.RUnlock()
	if w == nil {
		return ahead{}, false
	}
	l := w.line.Load()
	if l == nil {
		return ahead{}, false
	}
	return l.place(w, now)
}

func (l *line) place(w *work, now time.Time) (ahead, bool) {
	paused := l.dispatcher.paused(l.name)
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.queue.ahead(w)
	if !ok {
		return ahead{}, false
	}
	a := ahead{others: n}
	if perSecond := l.throughput.perSecond(now); perSecond > 0 && !paused && l.circuit.shown() == schemas.CircuitClosed {
		a.in = time.Duration(min(float64(n+1)/perSecond, estimateMax.Seconds()) * float64(time.Second))
	}
	return a, true
}

// estimateMax bounds what is estimated.
const estimateMax = 365 * 24 * time.Hour

// show puts a place into a status.
func (a ahead) show(r *schemas.CallResource) {
	position := int64(a.others) + 1
	r.Position = &position
	if a.in > 0 {
		seconds := math.Ceil(a.in.Seconds()*10) / 10 // more digits would promise more than there is
		r.EstimatedSeconds = &seconds
	}
}
