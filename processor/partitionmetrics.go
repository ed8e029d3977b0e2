package processor

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/processor/store"
)

// partitionMetrics tell how the partitions are that this process owns, from what is committed of them: their counters go
// with a partition to its next owner, and on where they were.
type partitionMetrics struct {
	accepted, resent, ended, open, lag, behind, deliveries, stopped *prometheus.Desc

	mu    sync.Mutex
	owned map[int32]standing
}

// standing is how a partition is.
type standing struct {
	meta store.Meta
	// end is where its calls ended when some were last read of it.
	end int64
	// stopped: it is given to us, and left alone; the rest is not known.
	stopped bool
}

func newPartitionMetrics(r prometheus.Registerer) *partitionMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("parley_partition_"+name, help, append([]string{"partition"}, labels...), nil)
	}
	m := &partitionMetrics{
		accepted:   desc("accepted_calls_total", "Calls that were read from the partition, ever: they are open, have ended, or were resends."),
		resent:     desc("resent_calls_total", "Calls that were sent again and recognised, ever: they have the result of the first."),
		ended:      desc("ended_calls_total", "Calls that have ended, ever, by their final status.", "status"),
		open:       desc("open_calls", "Calls that have not ended: staged, scheduled, waiting for their route, executing or deferred."),
		deliveries: desc("open_deliveries", "Receivers that are to be told of the end of a call or a conversation, and have not been: each counts once for each end."),
		lag:        desc("lag_records", "Records of the partition that are not applied yet, as of the last time that some were read."),
		behind:     desc("lag_seconds", "Age of the newest record that was applied while others wait behind it; 0 when none do."),
		stopped:    desc("stopped", "1 for a partition that this process was given and leaves alone, as a record of its state cannot be read: its calls wait; else 0."),
		owned:      make(map[int32]standing),
	}
	r.MustRegister(m)
	return m
}

// committed takes note of what is committed of a partition that is ours.
func (m *partitionMetrics) committed(id int32, meta store.Meta) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.owned[id]
	s.meta = meta
	m.owned[id] = s
}

// read takes note of where the calls of a partition end.
func (m *partitionMetrics) read(id int32, end int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ours := m.owned[id]; ours {
		s.end = end
		m.owned[id] = s
	}
}

// stop takes note that a partition was given to us and is left alone.
func (m *partitionMetrics) stop(id int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owned[id] = standing{stopped: true}
}

// drop forgets a partition that is not ours any more.
func (m *partitionMetrics) drop(id int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.owned, id)
}

// dropAll forgets all partitions, when nothing is known of them any more.
func (m *partitionMetrics) dropAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.owned)
}

// Describe implements prometheus.Collector.
func (m *partitionMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.accepted, m.resent, m.ended, m.open, m.lag, m.behind, m.deliveries, m.stopped} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *partitionMetrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for id, s := range m.owned {
		partition := strconv.Itoa(int(id))
		tell := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(d, kind, v, append([]string{partition}, labels...)...)
		}
		tell(m.stopped, prometheus.GaugeValue, oneIf(s.stopped))
		if s.stopped {
			continue
		}
		tell(m.accepted, prometheus.CounterValue, float64(s.meta.Accepted))
		tell(m.resent, prometheus.CounterValue, float64(s.meta.Resent))
		for status, n := range s.meta.Final() {
			tell(m.ended, prometheus.CounterValue, float64(n), string(status))
		}
		tell(m.open, prometheus.GaugeValue, float64(s.meta.Open))
		tell(m.deliveries, prometheus.GaugeValue, float64(s.meta.Deliveries))
		lag := max(0, s.end-s.meta.NextOffset)
		tell(m.lag, prometheus.GaugeValue, float64(lag))
		behind := 0.0
		if lag > 0 {
			behind = seconds(s.meta.LogTime, now)
		}
		tell(m.behind, prometheus.GaugeValue, behind)
	}
}
