package replies

import (
	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/relay"
)

// metrics are what a Reader tells about itself.
type metrics struct{ read *prometheus.CounterVec }

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{read: prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "parley", Subsystem: "replies", Name: "read_total", Help: "Replies that were read from the reply topics of routes, by what became of them.",
	}, []string{"became"})}
	for _, became := range []string{became, relay.BecameDead} {
		m.read.WithLabelValues(became) // zero is told, too
	}
	r.MustRegister(m.read)
	return m
}

func (m *metrics) count(_, became string) { m.read.WithLabelValues(became).Inc() }
