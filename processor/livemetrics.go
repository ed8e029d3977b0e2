package processor

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"parley/processor/store"
)

// watchLive has metrics tell what live knows at the moment at which they are asked for, of so many partitions.
func watchLive(r prometheus.Registerer, l *live, partitions int32) {
	gauge := func(name, help string, of func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "parley", Name: name, Help: help}, of))
	}
	gauge("processor_partitions", "Partitions of parley.calls that there are, whoever owns them.", func() float64 { return float64(partitions) })
	gauge("processor_lease_held", "1 while it is sure that the partitions are ours: else nothing begins, and polls are told ends alone.",
		func() float64 { return oneIf(l.leased()) })
	gauge("processor_admitted_conversations", "Conversations that are in memory to be executed; others that are ready wait in the store.",
		func() float64 { return float64(l.admitted()) })
	gauge("store_disk_bytes", "What the local state takes on disk.", func() float64 { return l.stats().DiskBytes })
	gauge("store_disk_free_bytes", "What is free on the disk of the local state, for this program.", func() float64 { return l.stats().FreeBytes })
	gauge("store_read_amplification", "How many tables of the local state a read may have to look at.", func() float64 { return l.stats().ReadAmplification })
	gauge("store_compaction_debt_bytes", "What is still to be compacted of the local state.", func() float64 { return l.stats().DebtBytes })
}

// admitted is how many conversations are in memory.
func (l *live) admitted() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.run == nil {
		return 0
	}
	return l.run.running.size()
}

// stats are those of the store; zero and unknown while it is not open.
func (l *live) stats() store.Stats {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.store == nil {
		return store.Stats{FreeBytes: math.NaN()}
	}
	return l.store.Stats()
}
