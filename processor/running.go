package processor

import (
	"sync"

	"parley/schemas"
)

// running is the set of conversations with an attempt under way. Executions write it, pollers read it.
type running struct {
	mu   sync.RWMutex
	keys map[schemas.ConversationKey]struct{}
}

func newRunning() *running { return &running{keys: make(map[schemas.ConversationKey]struct{})} }

func (r *running) add(key schemas.ConversationKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[key] = struct{}{}
}

func (r *running) remove(key schemas.ConversationKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, key)
}

func (r *running) has(key schemas.ConversationKey) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok := r.keys[key]
	return ok
}
