package processor

import (
	"sync"
	"time"

	"parley/internal/route"
	"parley/schemas"
)

// line is what waits for a route and how much it has under way. Its executions take from it themselves, so that a
// place does not stay empty until the loop comes round. The route is known by its name: at each attempt, the one in
// force counts.
type line struct {
	name       string
	dispatcher *dispatcher // of which executions use what never changes, or is safe to use
	counts     *routeCounts

	mu      sync.Mutex
	queue   fair
	circuit circuit
	pace    pace
	paused  bool
	// throughput is of the route while attempts wait here.
	throughput throughput
	// busy counts the requests under way, holding the places that wait for the loop: of attempts whose intent is being
	// committed, and of requests that it is to write.
	busy    int
	holding int
	// since is when the first of those came that wait for a batch.
	since time.Time
	// alarm comes at alarmAt to look again; the zero time: none does.
	alarm   *time.Timer
	alarmAt time.Time
	closed  bool

	table *route.Table // that route was looked up in
	route *route.Route // nil: it is gone
}

// request is what goes out at once: one attempt, or on a route with batches some.
type request struct {
	route *route.Route
	work  *work
	more  []*work
	// epoch is the circuit's when the request went out.
	epoch int
}

const (
	// lookAgain is the time between two looks at what does not tell when it changes: a maintenance, the lease.
	lookAgain = 100 * time.Millisecond
	// lostMargin is how much longer than its route's timeout an attempt that must not be repeated is waited for: the
	// time in which it must begin after its place was had.
	lostMargin = 10 * time.Second
)

// join adds an attempt.
func (l *line) join(w *work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.line.Store(l)
	if !w.is(waiting) {
		return
	}
	l.enter(w)
	l.begin()
}

func (l *line) enter(w *work) {
	if l.queue.len == 0 {
		l.since = time.Now()
		l.throughput.begin(l.since)
	}
	l.queue.push(w)
}

// leave takes an attempt out that has not begun, and frees the place that it may hold.
func (l *line) leave(w *work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.remove(w)
	if w.moves(holding, withdrawn) {
		l.holding--
		l.begin()
	}
}

// back has an attempt give up the place that it holds, and wait for another.
func (l *line) back(w *work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.moves(holding, waiting) {
		l.holding--
		l.enter(w)
		l.begin()
	}
}

// taken frees the place that a request held until the loop had it: so many records wait for one transaction at the most.
func (l *line) taken() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holding--
	l.begin()
}

// carryOut begins an attempt that holds its place.
func (l *line) carryOut(w *work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.moves(holding, begun) {
		l.holding--
		l.start(request{route: w.by, work: w, epoch: l.circuit.epoch})
	}
}

// flows reports whether an attempt that joins is likely to begin soon: no more wait than two rounds of the route's
// places.
func (l *line) flows() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.inForce()
	return r != nil && !l.closed && !l.paused && !l.dispatcher.stopped.Load() && l.circuit.shown() == schemas.CircuitClosed &&
		l.queue.len < 2*r.Concurrency
}

// look begins what may begin.
func (l *line) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin()
}

func (l *line) begin() {
	for {
		r, ok := l.next(time.Now())
		if !ok {
			return
		}
		l.start(r)
	}
}

func (l *line) start(r request) {
	l.busy++
	l.dispatcher.group.Go(func() { l.serve(r) })
}

// serve carries out one request after the other, until none may begin.
func (l *line) serve(r request) {
	for ok := true; ok; {
		r, ok = l.served(r, l.dispatcher.carryOut(l, r))
	}
}

// served takes note of what came of a request, and returns the next that its place is free for.
func (l *line) served(r request, v verdict) (request, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy--
	if l.queue.len > 0 && v.kind != verdictNone {
		l.throughput.add(1+len(r.more), v.at)
	}
	switch v.kind {
	case verdictWell:
		l.circuit.succeeded(r.epoch, r.route.Concurrency)
	case verdictTransient:
		l.circuit.failed(r.epoch, v.after, v.at)
	case verdictToWrite:
		l.holding++
	}
	next, ok := l.next(v.at)
	if !ok {
		return request{}, false
	}
	l.busy++
	if l.queue.len > 0 {
		l.begin() // on the ramp there may be more places than that one
	}
	return next, true
}

// next returns what may go out now.
func (l *line) next(now time.Time) (request, bool) {
	for l.queue.len > 0 && !l.closed && !l.dispatcher.stopped.Load() {
		r := l.inForce()
		if r == nil {
			l.scatter()
			break
		}
		if !l.mayGo(r, now) {
			break
		}
		if q, ok := l.take(r, now); ok {
			return q, true
		}
	}
	return request{}, false
}

// inForce returns the line's route; nil: it is gone.
func (l *line) inForce() *route.Route {
	if t := l.dispatcher.cfg.Routes.Table(); t != l.table {
		l.table = t
		if l.route, _ = t.Named(l.name); l.route != nil {
			l.pace.set(l.route.RateLimit)
		}
	}
	return l.route
}

// mayGo reports whether a request may go out now, and takes a rate token for it. If not, something comes to look again: the end of one that is under
// way, or the alarm.
func (l *line) mayGo(r *route.Route, now time.Time) bool {
	places := l.circuit.places(r.Concurrency, now)
	switch {
	case !l.dispatcher.leased(now):
		l.lookAt(now.Add(lookAgain))
		return false
	case l.maintained():
		l.lookAt(now.Add(lookAgain))
		return false
	case places == 0:
		l.lookAt(l.circuit.until)
		return false
	case l.busy+l.holding >= places:
		return false
	}
	if full := l.since.Add(r.Batch.Linger); l.queue.len < l.dispatcher.batchMax(r) && now.Before(full) {
		l.lookAt(full)
		return false
	}
	if wait := l.pace.take(now); wait > 0 {
		l.lookAt(now.Add(wait))
		return false
	}
	return true
}

// maintained reports whether the route is in maintenance. It comes back from it on a ramp.
func (l *line) maintained() bool {
	paused := l.dispatcher.paused(l.name)
	if l.paused && !paused {
		l.circuit.easeIn()
	}
	l.paused = paused
	return paused
}

// pick takes the next attempt out that may begin at once; nil: there is none. One whose beginning must be committed
// before gets a place of its own instead, if place says that there is one, and keeps it until then. On the ramp the next is
// the oldest.
func (l *line) pick(r *route.Route, now time.Time, place bool) *work {
	for l.queue.len > 0 {
		var w *work
		if l.circuit.ramp > 0 {
			w = l.queue.popOldest()
		} else {
			w = l.queue.pop(now)
		}
		switch {
		case !w.startBy && r.Delivery != route.AtMostOnce:
			if w.moves(waiting, begun) {
				l.dispatcher.changed(w.key)
				return w
			}
		case !place:
			l.queue.push(w)
			return nil
		case w.moves(waiting, holding):
			l.hold(w, r, now)
			return nil
		}
	}
	return nil
}

// hold gives an attempt its place, which it has until the loop has committed that it begins.
func (l *line) hold(w *work, r *route.Route, now time.Time) {
	l.holding++
	w.by, w.lostAt = r, time.Time{}
	if r.Delivery == route.AtMostOnce {
		w.lostAt = now.Add(r.Executor.Timeout + lostMargin)
	}
	l.dispatcher.mailbox.put(finished{kind: attemptBegins, work: w, route: r, startedAt: now, at: now, lostAt: w.lostAt})
}

// take makes a request of the next attempts; false: none of them begins at once.
func (l *line) take(r *route.Route, now time.Time) (request, bool) {
	q := request{route: r, work: l.pick(r, now, true), epoch: l.circuit.epoch}
	if q.work == nil {
		return q, false
	}
	most := l.dispatcher.batchMax(r)
	if l.circuit.ramp == 1 {
		most = 1 // it tries the route: a batch may fail for any of its calls
	}
	for 1+len(q.more) < most && l.queue.len > 0 && l.pace.take(now) == 0 {
		w := l.pick(r, now, false)
		if w == nil {
			break // the next needs a place of its own
		}
		q.more = append(q.more, w)
	}
	l.since = now
	return q, true
}

// scatter sends those that wait for a route that is gone to the lines of the routes that take them now.
func (l *line) scatter() {
	works := l.queue.takeAll()
	l.dispatcher.group.Go(func() {
		for _, w := range works {
			l.dispatcher.reroute(w)
		}
	})
}

// lookAt has the alarm come at a time, or earlier.
func (l *line) lookAt(at time.Time) {
	if !l.alarmAt.IsZero() && !at.Before(l.alarmAt) {
		return
	}
	l.hush()
	l.alarmAt = at
	l.dispatcher.group.Add(1)
	l.alarm = time.AfterFunc(time.Until(at), func() {
		defer l.dispatcher.group.Done()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.alarmAt.Equal(at) {
			l.alarmAt = time.Time{}
		}
		l.begin()
	})
}

// hush takes the alarm back.
func (l *line) hush() {
	if l.alarm != nil && l.alarm.Stop() {
		l.dispatcher.group.Done()
	}
	l.alarm, l.alarmAt = nil, time.Time{}
}

// close lets nothing more begin.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.hush()
}

// size is how many requests are under way.
func (l *line) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy
}
