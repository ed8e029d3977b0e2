package subscriber

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of the fan-out, and of the queues where this process tends them.
type metrics struct {
	queued   prometheus.Counter
	failures prometheus.Counter
	depth    *prometheus.GaugeVec
	age      *prometheus.GaugeVec
	warn     *prometheus.GaugeVec
	full     *prometheus.GaugeVec

	mu sync.Mutex
	// since is when the oldest event was written that is read and not in its queues; zero: there is none.
	since time.Time
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "parley_subscriber_" + name, Help: help}, []string{"subscriber"})
	}
	m := &metrics{
		queued: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_subscriber_queued_total",
			Help: "Transactions put into queues of subscribers by this process.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_subscriber_failures_total",
			Help: "Attempts to put events into queues that failed as a whole, and are repeated.",
		}),
		depth: gauge("queue_depth", "Transactions in a queue that are not acknowledged, at the most; told by the process that tends the queues."),
		age:   gauge("queue_age_seconds", "Seconds for which the first of them has waited; 0 when there is none."),
		warn:  gauge("queue_warn_depth", "The depth from which on operators are to be warned."),
		full:  gauge("queue_full_depth", "The depth from which on operators are to be alarmed. Nothing is dropped."),
	}
	if r == nil {
		return m, nil
	}
	behind := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_subscriber_behind_seconds",
		Help: "Age of the oldest event that this process has read and has not put into its queues; 0 when there is none.",
	}, m.behindSeconds)
	var errs []error
	for _, c := range []prometheus.Collector{m.queued, m.failures, m.depth, m.age, m.warn, m.full, behind} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

// behind notes since when events wait that were read; zero: none do.
func (m *metrics) behind(since time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.since = since
}

func (m *metrics) behindSeconds() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() {
		return 0
	}
	return max(0, time.Since(m.since).Seconds())
}

// forget takes back what is told of queues: another process tells it now.
func (m *metrics) forget() {
	for _, g := range []*prometheus.GaugeVec{m.depth, m.age, m.warn, m.full} {
		g.Reset()
	}
}
