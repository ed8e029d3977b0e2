package processor

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/telemetry"
	"parley/processor/notify"
	"parley/schemas"
)

// deliveryMetrics tell how callers are told.
type deliveryMetrics struct {
	attempts  *prometheus.CounterVec
	ended     *prometheus.HistogramVec
	first     prometheus.Histogram
	attempt   *prometheus.HistogramVec
	receivers prometheus.Gauge
}

func newDeliveryMetrics(r prometheus.Registerer) *deliveryMetrics {
	m := &deliveryMetrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "parley", Subsystem: "delivery", Name: "attempts_total",
			Help: "Attempts to tell a receiver, by type of response and verdict: Taken; Again, later; Refused, for good.",
		}, []string{"response_type", "verdict"}),
		ended: prometheus.NewHistogramVec(telemetry.LongSeconds("parley_delivery_seconds",
			"Time from the end of a call or a conversation until a receiver had taken it (Delivered), or was given up (Undelivered)."), []string{"status"}),
		first: prometheus.NewHistogram(telemetry.Seconds("parley_delivery_first_attempt_seconds",
			"Time from the end of a call or a conversation to the first attempt to tell a receiver.")),
		attempt: prometheus.NewHistogramVec(telemetry.Seconds("parley_delivery_attempt_seconds",
			"Time of an attempt to tell a receiver, by type of response."), []string{"response_type"}),
		receivers: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "parley", Subsystem: "delivery", Name: "receivers",
			Help: "Receivers to whom something is due or under way.",
		}),
	}
	r.MustRegister(m.attempts, m.ended, m.first, m.attempt, m.receivers)
	for _, by := range []string{schemas.ResponseHTTPPost, schemas.ResponseEmail} {
		m.attempt.WithLabelValues(by)
		for _, k := range []notify.Kind{notify.Taken, notify.Again, notify.Refused} {
			m.attempts.WithLabelValues(by, k.String())
		}
	}
	for _, s := range []schemas.DeliveryStatus{schemas.Delivered, schemas.Undelivered} {
		m.ended.WithLabelValues(string(s))
	}
	return m
}

// tell counts an attempt at a delivery that began at one time, of something that was to be told since another.
func (m *deliveryMetrics) tell(n *notify.Notification, began, since time.Time, t told) {
	if t.verdict.Kind == notify.Later {
		return // there was none
	}
	by := n.Target.GetResponseType()
	if t.attempt == 1 {
		m.first.Observe(seconds(since, began))
	}
	m.attempt.WithLabelValues(by).Observe(seconds(began, t.at))
	m.attempts.WithLabelValues(by, t.verdict.Kind.String()).Inc()
}
