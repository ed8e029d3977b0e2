package processor

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/telemetry"
	"parley/processor/conversation"
	"parley/schemas"
)

// RouteLoad returns how a route does in this process; false: it has had nothing to do here, or is not in force. What
// waits in the store because there is no room for it in memory is not counted: see Config.AdmittedMax.
func (p *Processor) RouteLoad(name string) (schemas.RouteLoad, bool) {
	for _, s := range p.metrics.routes.states() {
		if s.name == name {
			return s.RouteLoad, true
		}
	}
	return schemas.RouteLoad{}, false
}

// routeState is how a route does in this process.
type routeState struct {
	name string
	schemas.RouteLoad
	// places is how many requests may be under way now: less than the route's concurrency while it comes back from an
	// outage or a maintenance.
	places      int
	maintenance bool
	// oldest is since when the one has waited that has waited longest; zero: none waits.
	oldest time.Time
}

// lines are the lines of a dispatcher, by the names of their routes. They are safe for concurrent use.
type lines struct {
	mu     sync.Mutex
	by     map[string]*line
	closed bool
}

// of returns a route's line, which is made if there is none.
func (ls *lines) of(name string, d *dispatcher) *line {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, ok := ls.by[name]
	if !ok {
		l = &line{name: name, dispatcher: d, counts: d.metrics.of(name), closed: ls.closed}
		ls.by[name] = l
	}
	return l
}

func (ls *lines) all() []*line {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	out := make([]*line, 0, len(ls.by))
	for _, l := range ls.by {
		out = append(out, l)
	}
	return out
}

// close closes all lines, and those that are made later.
func (ls *lines) close() {
	ls.mu.Lock()
	ls.closed = true
	ls.mu.Unlock()
	for _, l := range ls.all() {
		l.close()
	}
}

func (ls *lines) states() []routeState {
	var out []routeState
	for _, l := range ls.all() {
		if s, ok := l.state(); ok {
			out = append(out, s)
		}
	}
	return out
}

// state is how the line's route does; false: it is not in force.
func (l *line) state() (routeState, bool) {
	r, ok := l.dispatcher.cfg.Routes.Named(l.name)
	if !ok {
		return routeState{}, false
	}
	paused := l.dispatcher.paused(l.name)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := routeState{name: l.name, maintenance: paused, places: r.Concurrency}
	s.Circuit, s.Waiting, s.Executing = l.circuit.shown(), l.queue.len, l.busy
	if l.queue.len > 0 {
		s.oldest = l.queue.oldest[0].works.first().readyAt
	}
	if l.circuit.ramp > 0 {
		s.places = min(l.circuit.ramp, r.Concurrency)
	}
	if paused || l.circuit.state == schemas.CircuitOpen {
		s.places = 0
	}
	return s, true
}

// routeMetrics tell how the routes do. They outlive the dispatchers, of which one at a time follows.
type routeMetrics struct {
	attempts *prometheus.CounterVec
	took     *prometheus.HistogramVec
	waited   *prometheus.HistogramVec

	waiting, oldest, executing, places, circuit, maintenance *prometheus.Desc

	mu    sync.Mutex
	lines *lines // nil: no dispatcher runs
}

func newRouteMetrics(r prometheus.Registerer) *routeMetrics {
	gauge := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("parley_route_"+name, help, []string{"route"}, nil)
	}
	m := &routeMetrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "parley", Subsystem: "route", Name: "attempts_total", Help: "Attempts at calls, by what came of them: answered; failed, for good; transient, they are tried again; deferred, they are answered later.",
		}, []string{"route", "outcome"}),
		took: prometheus.NewHistogramVec(telemetry.Seconds("parley_route_attempt_seconds",
			"Time of an attempt, from its beginning to what the backend said of it, by what came of it."), []string{"route", "outcome"}),
		waited: prometheus.NewHistogramVec(telemetry.LongSeconds("parley_route_wait_seconds",
			"Time from when a conversation could be carried out to an attempt at one of its calls: for a place, a rate token, an outage to end."), []string{"route"}),
		waiting:     gauge("waiting", "Calls that wait for the route in memory."),
		oldest:      gauge("oldest_waiting_seconds", "How long the one of them has waited that has waited longest; 0 when none waits."),
		executing:   gauge("executing", "Requests to the route that are under way."),
		places:      gauge("places", "How many requests to the route may be under way now."),
		circuit:     gauge("circuit_open", "1 while the route is believed not to work: its calls wait."),
		maintenance: gauge("maintenance", "1 while the route is in maintenance: its calls wait."),
	}
	r.MustRegister(m.attempts, m.took, m.waited, m)
	return m
}

// follow tells of the lines of a dispatcher; nil: of none.
func (m *routeMetrics) follow(ls *lines) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = ls
}

// states are how the routes do that have had something to do, by name.
func (m *routeMetrics) states() []routeState {
	m.mu.Lock()
	ls := m.lines
	m.mu.Unlock()
	if ls == nil {
		return nil
	}
	return ls.states()
}

// Describe implements prometheus.Collector.
func (m *routeMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.waiting, m.oldest, m.executing, m.places, m.circuit, m.maintenance} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *routeMetrics) Collect(to chan<- prometheus.Metric) {
	for _, s := range m.states() {
		gauge := func(d *prometheus.Desc, v float64) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.name)
		}
		gauge(m.waiting, float64(s.Waiting))
		gauge(m.oldest, seconds(s.oldest, time.Now()))
		gauge(m.executing, float64(s.Executing))
		gauge(m.places, float64(s.places))
		gauge(m.circuit, oneIf(s.Circuit != schemas.CircuitClosed))
		gauge(m.maintenance, oneIf(s.maintenance))
	}
}

func oneIf(holds bool) float64 { //nolint:revive // a flag is what it is about
	if holds {
		return 1
	}
	return 0
}

// kindNames say in metrics and spans what came of an attempt.
var kindNames = [...]string{
	conversation.Answered:  "answered",
	conversation.Failed:    "failed",
	conversation.Transient: "transient",
	conversation.Deferred:  "deferred",
}

// routeCounts count and measure the attempts of one route, by the kind of their outcome.
type routeCounts struct {
	attempts [conversation.Deferred + 1]prometheus.Counter
	took     [conversation.Deferred + 1]prometheus.Observer
	waited   prometheus.Observer
}

func (m *routeMetrics) of(route string) *routeCounts {
	c := &routeCounts{waited: m.waited.WithLabelValues(route)}
	for kind, name := range kindNames {
		c.attempts[kind], c.took[kind] = m.attempts.WithLabelValues(route, name), m.took.WithLabelValues(route, name)
	}
	return c
}

// tell counts an attempt that has ended.
func (c *routeCounts) tell(f *finished) {
	kind := f.outcome.Kind
	c.attempts[kind].Inc()
	c.took[kind].Observe(f.at.Sub(f.startedAt).Seconds())
	c.waited.Observe(seconds(f.work.readyAt, f.startedAt))
}
