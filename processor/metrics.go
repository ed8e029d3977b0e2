package processor

import (
	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/telemetry"
	"parley/processor/store"
	"parley/schemas"
)

// metrics are what the processor tells about itself.
type metrics struct {
	records    prometheus.Counter
	dead       prometheus.Counter
	forwarded  prometheus.Counter
	turns      *prometheus.CounterVec
	size       prometheus.Histogram
	turn       prometheus.Histogram
	commit     prometheus.Histogram
	calls      *prometheus.HistogramVec
	restarts   prometheus.Counter
	owned      prometheus.Gauge
	restoring  prometheus.Gauge
	restore    prometheus.Histogram
	restored   prometheus.Counter
	partitions *partitionMetrics
	routes     *routeMetrics
	deliveries *deliveryMetrics
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
	histogram := func(o prometheus.HistogramOpts) prometheus.Histogram {
		h := prometheus.NewHistogram(o)
		r.MustRegister(h)
		return h
	}
	m := &metrics{
		records:   counter("records_total", "Records of parley.calls that were applied."),
		dead:      counter("dead_total", "Records that nothing could be made of, sent to parley.dead."),
		forwarded: counter("forwarded_total", "Records that were on the wrong partition and were sent on."),
		restarts:  counter("restarts_total", "Times that the loop ended and began again from what is committed."),
		owned:     gauge("owned_partitions", "Partitions of parley.calls that this process owns and has caught up with."),
		restoring: gauge("restoring_partitions", "Partitions that this process was given and catches up with: their calls wait, their polls are answered by the record or with 503."),
		restored:  counter("restored_records_total", "Records of the changelog and the results that were read to catch up."),
		restore:   histogram(telemetry.LongSeconds("parley_processor_restore_seconds", "Time to catch up with a partition.")),
		size:      histogram(telemetry.Counts("parley_processor_turn_records", "Records applied in a turn, which is one transaction; 0 for one of outcomes and timers alone.")),
		turn:      histogram(telemetry.Seconds("parley_processor_turn_seconds", "Time of a turn: to decide, commit, apply and release.")),
		commit:    histogram(telemetry.Seconds("parley_processor_commit_seconds", "Time from the first record of a transaction to its confirmed end.")),
		turns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "parley", Subsystem: "processor", Name: "turns_total",
			Help: "Turns, by how their transaction ended: committed; aborted, and then taken again; unknown, and then the loop starts again.",
		}, []string{"end"}),
		calls: prometheus.NewHistogramVec(telemetry.LongSeconds("parley_processor_call_seconds",
			"Time from the acceptance of a call to its end, with all that it waited for, by its final status."), []string{"status"}),
		partitions: newPartitionMetrics(r),
		routes:     newRouteMetrics(r),
		deliveries: newDeliveryMetrics(r),
	}
	r.MustRegister(m.turns, m.calls)
	for _, end := range []string{turnCommitted, turnAborted, turnUnknown} {
		m.turns.WithLabelValues(end)
	}
	for _, s := range store.Finals() {
		m.calls.WithLabelValues(string(s))
	}
	return m
}

// How the transaction of a turn ended.
const (
	turnCommitted = "committed"
	turnAborted   = "aborted"
	turnUnknown   = "unknown"
)

// endedCall is what is measured of a call that has ended.
type endedCall struct {
	status  schemas.CallStatus
	seconds float64
}

// tell counts what a committed turn has done.
func (m *metrics) tell(t *turn) {
	m.records.Add(float64(t.counts.records))
	m.dead.Add(float64(t.counts.dead))
	m.forwarded.Add(float64(t.counts.forwarded))
	m.size.Observe(float64(t.counts.records))
	for _, e := range t.calls {
		m.calls.WithLabelValues(string(e.status)).Observe(e.seconds)
	}
	for _, e := range t.deliveries {
		m.deliveries.ended.WithLabelValues(string(e.status)).Observe(e.seconds)
	}
	for _, p := range t.parts {
		m.partitions.committed(p.id, p.meta)
	}
}
