package replies

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a Reader tells about itself.
type metrics struct {
	answers prometheus.Counter
	dead    prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	read := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "parley", Subsystem: "replies", Name: "read_total", Help: "Replies that were read from the reply topics of routes, by what became of them.",
	}, []string{"became"})
	r.MustRegister(read)
	return &metrics{answers: read.WithLabelValues("answer"), dead: read.WithLabelValues("dead")}
}
