package processor

import (
	"context"
	"time"

	"parley/schemas"
)

// RouteOutage tells why the calls of a route wait in a partition; *schemas.NotOwnedError when that is not ours.
func (p *Processor) RouteOutage(_ context.Context, q schemas.RouteQuery) (schemas.RouteOutage, error) {
	if _, err := p.live.next(q.Partition); err != nil || !p.live.leased() {
		return schemas.RouteOutage{}, notOwned(q.Partition)
	}
	if paused := p.cfg.Paused; paused != nil && paused(q.Route) {
		return schemas.RouteOutage{Cause: schemas.OutageMaintenance}, nil
	}
	return p.metrics.routes.outage(q.Route, time.Now()), nil
}

// outage is why the calls of a route wait in this process. A route that has had nothing to do here works.
func (m *routeMetrics) outage(route string, now time.Time) schemas.RouteOutage {
	m.mu.Lock()
	ls := m.lines
	m.mu.Unlock()
	if ls == nil {
		return schemas.RouteOutage{}
	}
	ls.mu.Lock()
	l := ls.by[route]
	ls.mu.Unlock()
	if l == nil {
		return schemas.RouteOutage{}
	}
	return l.outage(now)
}

// outage is why what joins the line now would wait: its circuit is open, or is being tried by another call. When the time
// has come to try and nothing waits, the next call is the one that does: who asks is not turned away, or the route would
// stay down for all those who ask first.
func (l *line) outage(now time.Time) schemas.RouteOutage {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch rest := l.circuit.until.Sub(now); {
	case l.circuit.shown() == schemas.CircuitClosed:
		return schemas.RouteOutage{}
	case l.circuit.shown() == schemas.CircuitOpen && rest > 0:
		return schemas.RouteOutage{Cause: schemas.OutageCircuit, For: rest}
	case l.busy+l.holding+l.queue.len > 0:
		return schemas.RouteOutage{Cause: schemas.OutageCircuit}
	}
	return schemas.RouteOutage{}
}
