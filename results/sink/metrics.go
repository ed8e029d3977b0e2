package sink

import (
	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/telemetry"
)

// metrics are those of a Sink, whichever member writes them.
type metrics struct {
	lags    *lags
	rows    *prometheus.CounterVec
	blocks  prometheus.Counter
	retries *prometheus.CounterVec
	failing *prometheus.GaugeVec
	dead    prometheus.Counter
	inserts *prometheus.HistogramVec
	owned   prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		lags: newLags(),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_sink_rows_total",
			Help: "Rows written into ClickHouse.",
		}, []string{"table"}),
		blocks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_sink_blocks_total",
			Help: "Blocks written into ClickHouse.",
		}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_sink_retries_total",
			Help: "Attempts to write that failed and were put off, by why: kafka, unreachable, slow, read_only, disk, memory, parts, schema, access, other.",
		}, []string{"reason"}),
		failing: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "parley_sink_failing",
			Help: "1 for the reason for which nothing can be written at the moment, else 0. All but kafka, unreachable and slow last until somebody acts; the log has the remedy.",
		}, []string{"reason"}),
		dead: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_sink_dead_total",
			Help: "Events that could not be stored and were written to parley.dead.",
		}),
		inserts: prometheus.NewHistogramVec(telemetry.Seconds("parley_sink_insert_seconds", "Time that ClickHouse took for a block of one table."), []string{"table"}),
		owned: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parley_sink_owned_partitions",
			Help: "Partitions of parley.results that this process brings into ClickHouse.",
		}),
	}
	for r := range remedies {
		m.retries.WithLabelValues(string(r))
		m.failing.WithLabelValues(string(r))
	}
	for _, table := range (&block{}).tables() {
		m.rows.WithLabelValues(table.name)
		m.inserts.WithLabelValues(table.name)
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.lags, m.rows, m.blocks, m.retries, m.failing, m.dead, m.inserts, m.owned} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// stored counts a block.
func (m *metrics) stored(b *block) {
	m.blocks.Inc()
	for _, t := range b.tables() {
		m.rows.WithLabelValues(t.name).Add(float64(t.rows))
	}
}

// failed counts an attempt to write that failed, for another reason than the one before, perhaps.
func (m *metrics) failed(before, now reason) {
	m.recovered(before)
	m.failing.WithLabelValues(string(now)).Set(1)
	m.retries.WithLabelValues(string(now)).Inc()
}

// recovered says that what was a reason is none any more.
func (m *metrics) recovered(r reason) {
	if r != "" {
		m.failing.WithLabelValues(string(r)).Set(0)
	}
}
