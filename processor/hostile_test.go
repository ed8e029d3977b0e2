package processor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/processor"
	"parley/schemas"
)

// TestNoRecordStopsItsPartition puts what nobody should send before a call on the same partition.
func TestNoRecordStopsItsPartition(t *testing.T) {
	t.Parallel()
	tests := map[string]*kgo.Record{
		"a result longer than a record": {Value: fmt.Appendf(nil,
			`{"account":"acme","method":"Create","objects":[%s{}],"options":{"conversationId":"big"}}`, strings.Repeat("{},", 300_000))},
		"longer than parley.dead takes, but well compressed": {Value: []byte(strings.Repeat("x", 17<<20))},
		"a type that fills the record": {Value: []byte("{}"), Headers: []kgo.RecordHeader{
			{Key: schemas.HeaderType, Value: []byte(strings.Repeat("\xff", 3<<20))},
		}},
	}
	for name, r := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			p, _ := c.start(new(recorder), t.TempDir())
			client := c.newClient(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(64<<20))
			r.Topic, r.Partition = c.topics.Calls, topics.Partition("acme/c", partitions)
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
			c.send("acme/c", part("c", 1, 1))
			await(t, p, "c")
		})
	}
}

// TestForgedTimeOfForwarding gives a record a time before all times, which would sort behind all others.
func TestForgedTimeOfForwarding(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	short := func(cfg *processor.Config) {
		cfg.PartTimeout, cfg.ForwardGrace = 300*time.Millisecond, 50*time.Millisecond
	}
	p, _ := c.start(new(recorder), t.TempDir(), short)
	r := &kgo.Record{
		Topic:     c.topics.Calls,
		Partition: topics.Partition("acme/c", partitions),
		Value:     []byte(part("c", 1, 2)),
		Headers:   []kgo.RecordHeader{{Key: "first-appended-ms", Value: []byte("-62135596800000")}},
	}
	if err := c.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if r := await(t, p, "c"); r.ErrorCode != schemas.PartTimeout {
		t.Errorf("conversation: %+v, want PartTimeout", r)
	}
}
