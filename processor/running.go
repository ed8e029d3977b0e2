package processor

import (
	"sync"

	"parley/schemas"
)

// running is the set of conversations that are in memory to be executed, each with the attempt that stands for it. The
// loop writes it, pollers read it.
type running struct {
	mu    sync.RWMutex
	works map[schemas.ConversationKey]*work
}

func newRunning() *running { return &running{works: make(map[schemas.ConversationKey]*work)} }

// has reports whether a conversation has an attempt under way.
func (r *running) has(key schemas.ConversationKey) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	w, ok := r.works[key]
	return ok && w.is(begun)
}

// begunIn returns the attempts of a partition that are under way.
func (r *running) begunIn(partition int32) []*work {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var underWay []*work
	for _, w := range r.works {
		if w.partition == partition && w.is(begun) {
			underWay = append(underWay, w)
		}
	}
	return underWay
}

// of is for the loop, which alone writes.
func (r *running) of(key schemas.ConversationKey) *work { return r.works[key] }

func (r *running) set(w *work) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.works[w.key] = w
}

func (r *running) remove(key schemas.ConversationKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.works, key)
}

// size is for anybody.
func (r *running) size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.works)
}

// len is for the loop.
func (r *running) len() int { return len(r.works) }
