package processor

import (
	"sync"

	"parley/schemas"
)

// watchKey names what a poller waits for: a request or a conversation.
type watchKey string

func watchRequest(id schemas.RequestID) watchKey             { return watchKey(id[:]) }
func watchConversation(key schemas.ConversationKey) watchKey { return watchKey("c" + key) }

// watchers are pollers that wait for an end.
type watchers struct {
	mu sync.Mutex
	by map[watchKey]map[chan struct{}]struct{}
}

func newWatchers() watchers {
	return watchers{by: make(map[watchKey]map[chan struct{}]struct{})}
}

// watch returns a channel that has something to receive when one of what the keys name has ended since. Who watches
// must leave.
func (w *watchers) watch(keys ...watchKey) chan struct{} {
	ch := make(chan struct{}, 1) // one end is as good as many
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
}

func (w *watchers) leave(ch chan struct{}, keys ...watchKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range keys {
		if delete(w.by[k], ch); len(w.by[k]) == 0 {
			delete(w.by, k)
		}
	}
}

// notify tells the watchers of everything that ended in a turn.
func (w *watchers) notify(p *partTurn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.by) == 0 {
		return
	}
	for _, id := range p.finished {
		w.tell(watchRequest(id))
	}
	for _, key := range p.ended {
		w.tell(watchConversation(key))
	}
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
