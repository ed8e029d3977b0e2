package sink

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/telemetry"
)

// metrics are those of a Sink, whichever member writes them.
type metrics struct {
	lagEvents  *prometheus.GaugeVec
	lagSeconds *prometheus.GaugeVec
	rows       *prometheus.CounterVec
	blocks     prometheus.Counter
	retries    prometheus.Counter
	dead       prometheus.Counter
	inserts    *prometheus.HistogramVec
	owned      prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		lagEvents: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "parley_sink_lag_events",
			Help: "Offsets of parley.results from the oldest event that was read and is not stored to the end that the last fetch told.",
		}, []string{"partition"}),
		lagSeconds: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "parley_sink_lag_seconds",
			Help: "Age of the oldest event that was read and is not stored; 0 when there is none.",
		}, []string{"partition"}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_sink_rows_total",
			Help: "Rows written into ClickHouse.",
		}, []string{"table"}),
		blocks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_sink_blocks_total",
			Help: "Blocks written into ClickHouse.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_sink_retries_total",
			Help: "Attempts to write that failed and were put off.",
		}),
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
	for _, table := range (&block{}).tables() {
		m.rows.WithLabelValues(table.name)
		m.inserts.WithLabelValues(table.name)
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.lagEvents, m.lagSeconds, m.rows, m.blocks, m.retries, m.dead, m.inserts, m.owned} {
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

// lag shows how far behind a partition is.
func (m *metrics) lag(p *partition, now time.Time) {
	label := strconv.Itoa(int(p.source.partition))
	seconds, behind := 0.0, int64(0)
	if b := p.block; b != nil {
		seconds, behind = max(0, now.Sub(b.written).Seconds()), p.end-b.from
	}
	m.lagSeconds.WithLabelValues(label).Set(seconds)
	m.lagEvents.WithLabelValues(label).Set(float64(behind))
}

// forget takes away what is shown of a partition that another member has now.
func (m *metrics) forget(partition int32) {
	label := strconv.Itoa(int(partition))
	m.lagSeconds.DeleteLabelValues(label)
	m.lagEvents.DeleteLabelValues(label)
}
