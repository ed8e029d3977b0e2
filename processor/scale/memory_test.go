package scale_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkStaged measures how much memory, and how much disk, parts take that wait for others: 500 bytes each, which do
// not compress, one of two that each conversation has.
func BenchmarkStaged(b *testing.B) {
	b.Run(fmt.Sprintf("%d parts", *stagedParts), func(b *testing.B) {
		r := newRig(b)
		dir := b.TempDir()
		metric, stop := r.start(dir, nil)
		r.until("partitions owned", time.Minute, func() bool { return metric("parley_processor_owned_partitions") == partitions })
		runtime.GC()
		before := residentBytes(b)
		start := time.Now()
		r.produceStaged(*stagedParts)
		most := before
		r.until("all parts staged", 10*time.Minute, func() bool {
			most = max(most, residentBytes(b))
			return metric("parley_processor_records_total") >= float64(*stagedParts)
		})
		took := time.Since(start)
		stop()
		parts := float64(*stagedParts)
		b.ReportMetric(float64(most-before)/parts, "memory-B/part")
		b.ReportMetric(float64(most)/(1<<20), "most-MiB")
		b.ReportMetric(float64(folderBytes(b, dir))/parts, "disk-B/part")
		b.ReportMetric(parts/took.Seconds(), "parts/s")
		b.ReportMetric(0, "ns/op")
	})
}

// produceStaged appends the second of two parts of as many conversations.
func (r *rig) produceStaged(parts int) {
	r.Helper()
	noise := rand.NewChaCha8([32]byte{1})
	payload := make([]byte, 180)
	n := 0
	r.produce(func() *kgo.Record {
		if n++; n > parts {
			return nil
		}
		_, _ = noise.Read(payload) // never fails
		return r.call(fmt.Sprintf("order-%d", n), 2, 2, fmt.Sprintf("%x", payload))
	})
}
