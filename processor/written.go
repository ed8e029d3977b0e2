package processor

import "time"

// written tells when the events of a partition were written, for a bounded number of marks: those of a second share one,
// and when there are too many, neighbours do.
type written []writtenMark

// writtenMark says that the events up to a sequence, and behind that of the mark before, were written since a time.
type writtenMark struct {
	to    int64
	since time.Time
}

const (
	writtenMarksMax  = 512
	writtenPrecision = time.Second
)

// note takes down that the events up to a sequence are written.
func (w written) note(sequence int64, now time.Time) written {
	n := len(w)
	switch {
	case n > 0 && sequence <= w[n-1].to:
		return w
	case n > 0 && now.Sub(w[n-1].since) < writtenPrecision:
		w[n-1].to = sequence
		return w
	case n == writtenMarksMax:
		w = w.halved()
	}
	return append(w, writtenMark{to: sequence, since: now})
}

// halved has neighbours share a mark: the age of an event is not understated by it.
func (w written) halved() written {
	for i := range len(w) / 2 {
		w[i] = writtenMark{to: w[2*i+1].to, since: w[2*i].since}
	}
	return w[:len(w)/2]
}

// since is when the first event behind a sequence was written; zero: there is none.
func (w written) since(sequence int64) time.Time {
	for _, m := range w {
		if m.to > sequence {
			return m.since
		}
	}
	return time.Time{}
}

// writtenSince is when the first event of a partition behind a sequence was written, as far as is known here.
func (l *live) writtenSince(partition int32, sequence int64) time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.run == nil {
		return time.Time{}
	}
	l.run.mu.Lock()
	defer l.run.mu.Unlock()
	p, ok := l.run.owned[partition]
	if !ok {
		return time.Time{}
	}
	return p.written.since(sequence)
}
