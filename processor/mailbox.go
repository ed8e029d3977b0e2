package processor

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// finishedKind is what has come of an attempt.
type finishedKind int

const (
	// attemptEnded has an outcome.
	attemptEnded finishedKind = iota
	// attemptBegins must not be repeated, and has its place on the route: it begins, by dispatcher.begin, when that is
	// committed with its LostAt.
	attemptBegins
	// attemptLost was begun by a former owner of the partition, and its LostAt has passed.
	attemptLost
)

// finished is what came of an attempt.
type finished struct {
	kind finishedKind
	work *work
	// call is nil when it was not read, or is too long to be kept until the loop takes this; id is its request id.
	call *parleyv1.Call
	id   schemas.RequestID
	// route is the one that it went by; nil: it could not begin.
	route     *route.Route
	startedAt time.Time
	at        time.Time
	// lostAt is when an attempt that begins is lost unless its outcome is known.
	lostAt time.Time
	// outcome of an attempt that ended. With record it stands once that record is written, in the same transaction.
	outcome conversation.Outcome
	record  *kgo.Record
}

// mailbox holds what executions have to say until the loop takes it. Anyone may put; the loop alone takes.
type mailbox struct {
	mu    sync.Mutex
	items []finished
	taken int                // how many were taken the last time: as many will come again
	wake  context.CancelFunc // ends the poll that the loop waits in; nil: it does not wait
	// nudged is set when the loop is to come round although there may be nothing.
	nudged bool
}

// put leaves items for the next turn, and makes the loop come round for it.
func (m *mailbox) put(items ...finished) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.items == nil {
		m.items = make([]finished, 0, m.taken+len(items))
	}
	m.items = append(m.items, items...)
	m.rouse()
}

// nudge makes the loop come round.
func (m *mailbox) nudge() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nudged = true
	m.rouse()
}

func (m *mailbox) rouse() {
	if m.wake != nil {
		m.wake()
		m.wake = nil
	}
}

// wait returns a context that ends when something is put or the loop is nudged, at once if that has happened.
func (m *mailbox) wait(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.items) > 0 || m.nudged {
		cancel()
	} else {
		m.wake = cancel
	}
	return ctx, cancel
}

// await returns when something has been put, or ctx has ended.
func (m *mailbox) await(ctx context.Context) {
	said, stop := m.wait(ctx)
	defer stop()
	<-said.Done()
}

// within empties the mailbox as soon as something is there, or after a time.
func (m *mailbox) within(d time.Duration) []finished {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	m.await(ctx)
	return m.take()
}

// take empties the mailbox.
func (m *mailbox) take() []finished {
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	m.items, m.wake, m.nudged, m.taken = nil, nil, false, len(items)
	return items
}
