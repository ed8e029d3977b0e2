package scale_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// failing is an executor that refuses every call.
type failing struct{}

func (failing) Execute(context.Context, *route.Route, executor.Request) conversation.Outcome {
	return conversation.Outcome{Kind: conversation.Failed, Code: schemas.CallFailed, Message: "no"}
}

// BenchmarkFailure measures the end of a conversation of 10,000 parts whose first part fails: every object of the others
// has a result, NotProcessed, at the same moment.
func BenchmarkFailure(b *testing.B) {
	const parts = 10_000
	for _, objects := range []int{1, 10, 100, 1_000} {
		b.Run(fmt.Sprintf("%d objects a part", objects), func(b *testing.B) {
			r := newRig(b)
			before := residentBytes(b)
			metric, _ := r.start(b.TempDir(), func(cfg *processor.Config) { cfg.Executor = failing{} })
			n := 0
			r.produce(func() *kgo.Record {
				if n++; n == parts {
					return nil // the last one is for later
				}
				return r.callOfObjects("order", n, parts, objects)
			})
			r.until("all but one staged", 5*time.Minute, func() bool { return metric("parley_processor_records_total") >= parts-1 })
			start, most := time.Now(), before
			last := r.callOfObjects("order", parts, parts, objects)
			r.produce(func() *kgo.Record {
				defer func() { last = nil }()
				return last
			})
			done := make(chan struct{})
			go func() {
				defer close(done)
				r.awaitEvents(parts + 1)
			}()
			r.until("all ended", 5*time.Minute, func() bool {
				most = max(most, residentBytes(b))
				select {
				case <-done:
					return true
				default:
					return false
				}
			})
			b.ReportMetric(time.Since(start).Seconds(), "s")
			b.ReportMetric(float64(most-before)/(1<<20), "more-MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// callOfObjects is a part with so many objects.
func (r *rig) callOfObjects(conversation string, seq, of, objects int) *kgo.Record {
	rec := r.call(conversation, seq, of, "")
	object := `{"type":"Row","customerKey":"row","correlationId":"%d"},`
	var all strings.Builder
	for i := range objects {
		fmt.Fprintf(&all, object, i)
	}
	rec.Value = fmt.Appendf(nil, `{"account":"acme","method":"Create","objects":[%s],"options":{"conversationId":%q,"sequenceCode":%d,"callsInConversation":%d}}`,
		strings.TrimSuffix(all.String(), ","), conversation, seq, of)
	return rec
}
