package scale_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/processor"
)

// BenchmarkChangelog measures the bytes of changelog that a call makes from its arrival to its end, for conversations
// of so many parts which arrive all at once, or one per turn. The calls have 500 bytes; a call that waits is once in
// the changelog itself. left is what compaction leaves of it, but for what was deleted: the last record of each key.
func BenchmarkChangelog(b *testing.B) {
	arrivals := []struct {
		name       string
		recordsMax int
		calls      int // at the least
	}{{"at once", 0, 10_000}, {"one per turn", 1, 300}}
	for _, arrive := range arrivals {
		for _, parts := range []int{1, 3, 10, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%d parts/%s", parts, arrive.name), func(b *testing.B) {
				conversations := max(1, arrive.calls/parts)
				measureChangelog(newRig(b), conversations, parts, arrive.recordsMax)
			})
		}
	}
}

func measureChangelog(r *rig, conversations, parts, recordsMax int) {
	calls, n := conversations*parts, 0
	r.produce(func() *kgo.Record {
		if n++; n > calls {
			return nil
		}
		// The last part comes first: the worst order for what keeps account of them.
		return r.call(fmt.Sprintf("order-%d", (n-1)/parts), parts-(n-1)%parts, parts, strings.Repeat("x", 360))
	})
	start := time.Now()
	_, stop := r.start(r.TempDir(), func(cfg *processor.Config) { cfg.RecordsMax = recordsMax })
	r.awaitEvents(calls + conversations)
	took := time.Since(start)
	stop()
	var bytes, records, left int
	last := make(map[string]int)
	r.read(r.topics.State, func(rec *kgo.Record) {
		size := len(rec.Key) + len(rec.Value)
		bytes += size
		records++
		key := string(rec.Key)
		left -= last[key]
		if delete(last, key); len(rec.Value) > 0 {
			last[key] = size
			left += size
		}
	})
	r.ReportMetric(float64(bytes)/float64(calls), "B/call")
	r.ReportMetric(float64(records)/float64(calls), "records/call")
	r.ReportMetric(float64(left)/float64(calls), "left-B/call")
	r.ReportMetric(float64(calls)/took.Seconds(), "calls/s")
	r.ReportMetric(0, "ns/op")
}
