package route

import "github.com/prometheus/client_golang/prometheus"

// followMetrics are what a Follower tells about the table in force.
type followMetrics struct {
	routes  prometheus.Gauge
	ok      prometheus.Gauge
	at      prometheus.Gauge
	no      prometheus.Counter
	content *prometheus.GaugeVec
}

func newFollowMetrics(r prometheus.Registerer) followMetrics {
	gauge := func(name, help string) prometheus.GaugeOpts {
		return prometheus.GaugeOpts{Namespace: "parley", Subsystem: "routes", Name: name, Help: help}
	}
	m := followMetrics{
		routes:  prometheus.NewGauge(gauge("in_force", "Routes of the table in force.")),
		ok:      prometheus.NewGauge(gauge("last_reload_ok", "1 if the file was right when it was last read, else 0: then the routes of before are in force.")),
		at:      prometheus.NewGauge(gauge("last_reload_timestamp_seconds", "When the table in force was last read.")),
		no:      prometheus.NewCounter(prometheus.CounterOpts{Namespace: "parley", Subsystem: "routes", Name: "refused_total", Help: "Times that the file was read and was not right."}),
		content: prometheus.NewGaugeVec(gauge("info", "1, with a digest of the file that is in force: it is the same on nodes whose files are the same."), []string{"digest"}),
	}
	r.MustRegister(m.routes, m.ok, m.at, m.no, m.content)
	return m
}

// loaded notes that a table was read and is right.
func (m followMetrics) loaded(t *Table, digest string) {
	m.routes.Set(float64(len(t.Routes())))
	m.ok.Set(1)
	m.at.SetToCurrentTime()
	m.content.Reset()
	m.content.WithLabelValues(digest).Set(1)
}

// refused notes that what was read is not right.
func (m followMetrics) refused() {
	m.ok.Set(0)
	m.no.Inc()
}
