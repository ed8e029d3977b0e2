package processor_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

// TestTimersThatOneTurnSetsAndPasses has the processor find, after an hour away, parts that came minutes apart: the
// log time is past the deadline of the first before that is in the store.
func TestTimersThatOneTurnSetsAndPasses(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.kafka.Fake() // takes the time that the sender of a record says
	hourAgo := time.Now().Add(-time.Hour)
	ids := []string{"first", "second", "third"}
	partition := topics.Partition("acme/"+ids[0], partitions)
	for i, id := range ids {
		r := &kgo.Record{Topic: c.topics.Calls, Partition: partition, Value: []byte(part(id, 1, 2)), Timestamp: hourAgo.Add(time.Duration(i) * 10 * time.Minute)}
		if err := c.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	p, _ := c.start(new(recorder), t.TempDir())
	for _, id := range ids {
		if r := await(t, p, id); r.ErrorCode != schemas.PartTimeout {
			t.Errorf("%s: %+v, want PartTimeout", id, r)
		}
	}
}
