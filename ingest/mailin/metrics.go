package mailin

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a Receiver tells about itself.
type metrics struct {
	messages *prometheus.CounterVec
}

// newMetrics has connections tell how many are open.
func newMetrics(r prometheus.Registerer, connections func() int) *metrics {
	m := &metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_mail_messages_total",
			Help: "Messages to the mail listener, by what became of them: taken (the call has the answer), refused (no token of ours, expired, answered otherwise, not for here, too large), automatic (sent by a program), unreadable (no token, or no words), later (nobody could tell, or the message did not come whole).",
		}, []string{"became"}),
	}
	for _, became := range []string{becameTaken, becameRefused, becameAutomatic, becameUnreadable, becameLater} {
		m.messages.WithLabelValues(became)
	}
	r.MustRegister(m.messages, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_mail_connections",
		Help: "Connections to the mail listener that are open.",
	}, func() float64 { return float64(connections()) }))
	return m
}

func (m *metrics) count(became string) { m.messages.WithLabelValues(became).Inc() }
