package audit

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/schemas"
)

// metrics are those of the process that audits; any other shows that it does not.
type metrics struct {
	working, problems, produced, stored, lag, checkedAt, seconds, failures *prometheus.Desc

	mu     sync.Mutex
	shown  map[int32]schemas.PartitionAudit
	at     time.Time
	took   time.Duration
	failed float64
	ours   bool
}

func newMetrics() *metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("parley_audit_"+name, help, labels, nil)
	}
	return &metrics{
		working:   desc("working", "1 in the process that compares the record with what must be in it, else 0."),
		problems:  desc("problems", "What is wrong with the books of a partition, by its kind: how many calls, events or rows are concerned. Anything but 0 is an alarm.", "partition", "kind"),
		produced:  desc("produced_events", "Events that the owner of the partition has written, ever.", "partition"),
		stored:    desc("stored_events", "Events of the partition that must all be in ClickHouse.", "partition"),
		lag:       desc("lag_seconds", "Age of the oldest event of the partition that is not said to be in ClickHouse; 0 when there is none.", "partition"),
		checkedAt: desc("last_pass_timestamp_seconds", "When all rows in ClickHouse had last been compared."),
		seconds:   desc("last_pass_seconds", "How long that took, with the pauses that keep it from being in the way."),
		failures:  desc("failed_passes_total", "Passes that could not be finished, as when ClickHouse does not answer."),
		shown:     make(map[int32]schemas.PartitionAudit),
	}
}

// passed takes note of a pass.
func (m *metrics) passed(took time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ours = true
	if err != nil {
		m.failed++
		return
	}
	m.at, m.took = time.Now(), took
}

// isNew reports whether a problem was not shown before.
func (m *metrics) isNew(partition int32, kind schemas.AuditProblemKind) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.shown[partition].Problems {
		if p.Kind == kind {
			return false
		}
	}
	return true
}

// take shows an audit.
func (m *metrics) take(r schemas.AuditResource) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range r.Partitions {
		m.shown[p.Partition] = p
	}
}

// clear shows nothing: another process audits.
func (m *metrics) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.shown)
	m.at, m.ours = time.Time{}, false
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.working, m.problems, m.produced, m.stored, m.lag, m.checkedAt, m.seconds, m.failures} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	working := 0.0
	if m.ours {
		working = 1
	}
	gauge(m.working, working)
	to <- prometheus.MustNewConstMetric(m.failures, prometheus.CounterValue, m.failed)
	if m.at.IsZero() {
		return
	}
	gauge(m.checkedAt, float64(m.at.UnixMilli())/1000)
	gauge(m.seconds, m.took.Seconds())
	for id, p := range m.shown {
		m.partition(gauge, strconv.Itoa(int(id)), p)
	}
}

func (m *metrics) partition(gauge func(*prometheus.Desc, float64, ...string), id string, p schemas.PartitionAudit) {
	count := make(map[schemas.AuditProblemKind]int64)
	for _, problem := range p.Problems {
		count[problem.Kind] += problem.Count
	}
	for _, kind := range schemas.AuditProblemKinds() {
		gauge(m.problems, float64(count[kind]), id, string(kind))
	}
	gauge(m.stored, float64(*p.Stored), id)
	if p.Produced != nil { // else its owner does not answer
		gauge(m.produced, float64(*p.Produced), id)
		gauge(m.lag, *p.LagSeconds, id)
	}
}
