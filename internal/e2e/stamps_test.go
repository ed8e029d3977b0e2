//go:build e2e

package e2e_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

// Timeouts are counted in the broker's time: whatever a sender says of the time of its calls is written over.
func TestSmokeForgedTimestamps(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	names := schemas.TopicsOf("stamps-" + rand.Text()[:8])
	client, err := kgo.NewClient(
		kgo.SeedBrokers(shared.Addrs()...),
		kgo.ConsumeTopics(names.Calls),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	began := time.Now().Truncate(time.Millisecond) // Kafka's unit
	spec := topics.Spec{Topics: names, Layout: topics.Layout{Partitions: 4, ResultPartitions: 4}, Replication: 3}
	if _, err := topics.Ensure(ctx, client, spec); err != nil {
		t.Fatal(err)
	}
	forged := []time.Time{time.Unix(1, 0), began.Add(-24 * time.Hour), began.Add(24 * time.Hour)}
	for _, at := range forged {
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: names.Calls, Key: []byte("k"), Timestamp: at}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for read := 0; read < len(forged); {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			read++
			if now := time.Now(); r.Timestamp.Before(began) || r.Timestamp.After(now) {
				t.Errorf("a record has the time %s, and was written between %s and %s", r.Timestamp, began, now)
			}
		})
	}
}
