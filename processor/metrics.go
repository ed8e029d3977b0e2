package processor

import "github.com/prometheus/client_golang/prometheus"

// metrics are what the processor tells about itself.
type metrics struct {
	records   prometheus.Counter
	dead      prometheus.Counter
	forwarded prometheus.Counter
	turns     *prometheus.CounterVec
	commit    prometheus.Histogram
	restarts  prometheus.Counter
	owned     prometheus.Gauge
	routes    *routeMetrics
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "parley", Subsystem: "processor", Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "parley", Subsystem: "processor", Name: name, Help: help})
		r.MustRegister(g)
		return g
	}
	m := &metrics{
		records:   counter("records_total", "Records of parley.calls that were applied."),
		dead:      counter("dead_total", "Records that nothing could be made of, sent to parley.dead."),
		forwarded: counter("forwarded_total", "Records that were on the wrong partition and were sent on."),
		restarts:  counter("restarts_total", "Times that the loop ended and began again from what is committed."),
		owned:     gauge("owned_partitions", "Partitions of parley.calls that this process owns and has caught up with."),
		routes:    newRouteMetrics(r),
		turns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "parley", Subsystem: "processor", Name: "turns_total", Help: "Turns, by how their transaction ended.",
		}, []string{"end"}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "parley", Subsystem: "processor", Name: "commit_seconds", Help: "Time from the first record of a transaction to its confirmed end.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
	}
	r.MustRegister(m.turns, m.commit)
	return m
}
