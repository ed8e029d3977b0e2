package processor

import (
	"sync"
	"sync/atomic"

	"parley/schemas"
)

// watchKey names what a poller waits for: a request or a conversation.
type watchKey struct {
	request      schemas.RequestID
	conversation schemas.ConversationKey
}

func watchRequest(id schemas.RequestID) watchKey             { return watchKey{request: id} }
func watchConversation(key schemas.ConversationKey) watchKey { return watchKey{conversation: key} }

// watchers are pollers that wait for a change.
type watchers struct {
	mu sync.Mutex
	by map[watchKey]map[chan struct{}]struct{}
	// keys is how many by has. Who changes something and finds none need not ask any further.
	keys atomic.Int64
}

func newWatchers() *watchers {
	return &watchers{by: make(map[watchKey]map[chan struct{}]struct{})}
}

// watch returns a channel that has something to receive when one of what the keys name may have changed since. Who
// watches must leave.
func (w *watchers) watch(keys ...watchKey) chan struct{} {
	ch := make(chan struct{}, 1) // one change is as good as many
	w.join(ch, keys...)
	return ch
}

// join has a channel of watch receive for more keys.
func (w *watchers) join(ch chan struct{}, keys ...watchKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range keys {
		if w.by[k] == nil {
			w.by[k] = make(map[chan struct{}]struct{})
		}
		w.by[k][ch] = struct{}{}
	}
	w.keys.Store(int64(len(w.by)))
}

func (w *watchers) leave(ch chan struct{}, keys ...watchKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range keys {
		if delete(w.by[k], ch); len(w.by[k]) == 0 {
			delete(w.by, k)
		}
	}
	w.keys.Store(int64(len(w.by)))
}

// committed tells the watchers of everything that a turn has changed.
func (w *watchers) committed(p *partTurn) {
	if w.keys.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range p.calls {
		w.tell(watchRequest(id))
	}
	for key := range p.tx.Changed() {
		w.tell(watchConversation(key))
	}
}

// changed tells the watchers of a conversation of what is not in the state: that an attempt begins, or that its time
// has come. Anyone may call it.
func (w *watchers) changed(key schemas.ConversationKey) {
	if w.keys.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell(watchConversation(key))
}

// wake has all look again: who they wait for may end elsewhere now.
func (w *watchers) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k := range w.by {
		w.tell(k)
	}
}

func (w *watchers) tell(k watchKey) {
	for ch := range w.by[k] {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
