package control

import (
	"context"
	"sync"
)

// position is how far the topic was read. The zero position is before its first record.
type position struct {
	mu    sync.Mutex
	next  int64
	moved chan struct{} // closed at the next move; nil: nobody waits
}

// move says that a record was read, and all before it.
func (p *position) move(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reach(offset + 1)
}

// wrote says that a record was written and applied here. It need not be read any more, if all before it were.
func (p *position) wrote(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == offset {
		p.reach(offset + 1)
	}
}

// reach moves it ahead, never back: what was written here is read later.
func (p *position) reach(next int64) {
	if next <= p.next {
		return
	}
	p.next = next
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}

// await returns when the record at an offset was read, or with the error of ctx.
func (p *position) await(ctx context.Context, offset int64) error {
	for {
		moved := p.behind(offset)
		if moved == nil {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// behind returns what tells of the next move, as long as the record at an offset was not read; nil: it was.
func (p *position) behind(offset int64) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if offset < p.next {
		return nil
	}
	if p.moved == nil {
		p.moved = make(chan struct{})
	}
	return p.moved
}
