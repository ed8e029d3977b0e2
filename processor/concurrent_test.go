package processor_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A broker of Kafka 4 that still ends the last transaction refuses the records of the next one, for a moment. They are
// tried again soon: not when the client thinks that it may ask for metadata again, which is 5 seconds later by default.
func TestRecordsThatComeTooEarlyAreTriedAgainSoon(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.start(new(backend), t.TempDir())
	const tries = 20
	refused := c.kafka.Fake().Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.ConcurrentTransactions, Count: tries,
		When: func(r kmsg.Request) bool {
			produce, ok := r.(*kmsg.ProduceRequest)
			return ok && produce.TransactionID != nil
		},
	})
	c.send("acme/early", part("early", 1, 1))
	becomes(t, p, "early", "Complete 1:OK,1,1")
	if got := refused.Hits(); got < tries {
		t.Errorf("the records were refused %d times, not %d", got, tries)
	}
}
