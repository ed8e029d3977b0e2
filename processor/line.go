package processor

import (
	"sync"
	"time"

	"parley/internal/route"
	"parley/processor/executor"
)

// line is what waits for a route and how much it has under way. Its executions take from it themselves, so that a
// place does not stay empty until the loop comes round.
type line struct {
	route      *route.Route
	dispatcher *dispatcher // of which executions use what never changes

	mu      sync.Mutex
	waiting []*work
	busy    int
	closed  bool
}

func (l *line) join(w *work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy == l.route.Concurrency || l.closed {
		l.waiting = append(l.waiting, w)
		return
	}
	l.busy++
	l.dispatcher.group.Go(func() { l.serve(w) })
}

// serve carries out one attempt after the other until the line is empty.
func (l *line) serve(w *work) {
	for ; w != nil; w = l.leave() {
		if w.tenure.ctx.Err() != nil {
			continue
		}
		d := l.dispatcher
		call, err := w.load(d.store)
		if err != nil {
			d.refuse(w, nil, err)
			continue
		}
		d.running.add(w.key)
		f := finished{work: w, call: call, route: l.route, startedAt: time.Now()}
		f.outcome = d.cfg.Executor.Execute(w.tenure.ctx, l.route, executor.Request{Call: call, Attempt: w.attempt.Attempt})
		f.at = time.Now()
		d.running.remove(w.key)
		d.mailbox.put(f)
	}
}

// leave returns the next in line, and gives the place free when there is none.
func (l *line) leave() *work {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 || l.closed {
		l.busy--
		return nil
	}
	w := l.waiting[0]
	l.waiting[0] = nil
	if l.waiting = l.waiting[1:]; len(l.waiting) == 0 {
		l.waiting = nil
	}
	return w
}

// size is how many attempts are under way.
func (l *line) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy
}
