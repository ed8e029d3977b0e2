package processor_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

// TestPollWithReceiptIsAlwaysAnswered polls all the while a call goes from the log into the state.
func TestPollWithReceiptIsAlwaysAnswered(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.start(new(recorder), t.TempDir())
	c.send("acme/warm", part("warm", 1, 1))
	await(t, p, "warm")
	for range 200 {
		id := uuid.New()
		key := schemas.RecordKey("acme", "", id)
		r := &kgo.Record{
			Topic:     c.topics.Calls,
			Partition: topics.Partition(key, partitions),
			Value:     fmt.Appendf(nil, `{"account":"acme","requestId":%q,"method":"Create","objects":[{"type":"Row"}]}`, id),
		}
		if err := c.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		q := schemas.RequestQuery{Account: "acme", ID: id, Accepted: &schemas.Position{Partition: r.Partition, Offset: r.Offset}}
		for final := false; !final; {
			s, err := p.Request(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			final = s.Status.Final()
		}
	}
}
