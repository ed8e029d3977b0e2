package subscriber

import (
	"context"
	"time"

	"parley/internal/control"
	"parley/schemas"
)

// seen is how a queue stands.
type seen struct {
	control.Queue
	// depth counts the transactions that are not acknowledged; without exact, what they may be at the most.
	depth int64
	exact bool
	// oldest and latest are when the first and the last of those that were looked at were put there; zero: there is none.
	oldest, latest time.Time
	// end is the offset behind everything that is committed.
	end int64
}

const (
	// lookBytesMax bounds what is read of a queue to count what is in it, lookBytes what is read at a time.
	lookBytesMax = 1 << 20
	lookBytes    = 256 << 10
)

// look counts what is in a queue, as far as it is not more than about so many bytes. Its error wraps schemas.ErrUnavailable.
func (f *fetcher) look(ctx context.Context, q control.Queue, bytesMax int32) (seen, error) {
	s := seen{Queue: q}
	next := q.Acknowledged
	for piece := min(lookBytes, bytesMax); bytesMax > 0; bytesMax -= piece {
		p, err := f.from(ctx, q.Subscriber, next, piece)
		if err != nil {
			return s, err
		}
		s.end = p.end
		s.depth += int64(len(p.records))
		if len(p.records) > 0 {
			if s.oldest.IsZero() {
				s.oldest = p.records[0].Timestamp
			}
			s.latest = p.records[len(p.records)-1].Timestamp
		}
		if p.atEnd() || p.next == next {
			s.exact = true
			return s, nil
		}
		next = p.next
	}
	s.depth += s.end - next
	return s, nil
}

func (s seen) resource() *schemas.QueueResource {
	return &schemas.QueueResource{
		Depth:          s.depth,
		Exact:          s.exact,
		OldestAt:       instant(s.oldest),
		Acknowledged:   s.Acknowledged,
		HandedOut:      s.HandedOut,
		Last:           s.end,
		LastQueuedAt:   instant(s.latest),
		LastDequeuedAt: instant(s.Dequeued),
	}
}

// instant is a time as it is shown; nil: there is none.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
