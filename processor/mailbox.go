package processor

import (
	"context"
	"sync"
)

// mailbox holds what executions have to say until the loop takes it. Anyone may put; the loop alone takes.
type mailbox struct {
	mu    sync.Mutex
	items []finished
	wake  context.CancelFunc // ends the poll that the loop waits in; nil: it does not wait
}

// put leaves items for the next turn, and makes the loop come round for it.
func (m *mailbox) put(items ...finished) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items = append(m.items, items...)
	if m.wake != nil {
		m.wake()
		m.wake = nil
	}
}

// wait returns a context that ends when something is put, at once if something is there.
func (m *mailbox) wait(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.items) > 0 {
		cancel()
	} else {
		m.wake = cancel
	}
	return ctx, cancel
}

// take empties the mailbox.
func (m *mailbox) take() []finished {
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	m.items, m.wake = nil, nil
	return items
}
