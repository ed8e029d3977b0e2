package inbox

import "github.com/prometheus/client_golang/prometheus"

// What becomes of a record, beside relay.BecameDead.
const (
	becameForwarded = "forwarded"
	becameRejected  = "rejected"
)

// metrics are what a Reader tells about itself.
type metrics struct {
	records *prometheus.CounterVec
	lag     *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_inbox_records_total",
			Help: "Records of the topics of tenants, by what became of them: forwarded, rejected (forwarded to be), dead.",
		}, []string{"topic", "became"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "parley_inbox_lag_records",
			Help: "Records of the topics of tenants that are still to be taken, of the partitions of this process.",
		}, []string{"topic"}),
	}
	r.MustRegister(m.records, m.lag)
	return m
}

func (m *metrics) count(topic, became string) { m.records.WithLabelValues(topic, became).Inc() }

// showLag shows the lag of the topics of which this process has a partition, and of no other.
func (m *metrics) showLag(lag map[string]int64) {
	m.lag.Reset()
	for topic, records := range lag {
		m.lag.WithLabelValues(topic).Set(float64(records))
	}
}
