package publish

import (
	"cmp"
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// recordOverheadMax bounds what a record has beyond the bytes of its call.
const recordOverheadMax = 4 << 10

// Options are those of a client that produces messages; it needs others that say where the brokers are. An
// acknowledgment comes from all replicas that are in sync, a record that the client tries again is in the log once, and a
// key leads to the partition that Parley expects (murmur2, as with the Java client). Batches are compressed, and take a
// call of the greatest length; who has to do with greater limits adds another kgo.ProducerBatchMaxBytes.
func Options() []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchCompression(kgo.ZstdCompression(), kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(int32(schemas.DefaultLimits().CallBytesMax + recordOverheadMax)),
	}
}

// Partitions asks the brokers how many partitions the topic of calls has, which never changes. Empty, prefix is "parley".
// A producer that may only see the topic of its own account is told by an operator.
func Partitions(ctx context.Context, client *kgo.Client, prefix string) (int32, error) {
	topic := schemas.TopicsOf(cmp.Or(prefix, defaultPrefix)).Calls
	found, err := kadm.NewClient(client).ListTopics(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("list topic %s: %w", topic, err)
	}
	if err := found[topic].Err; err != nil {
		return 0, fmt.Errorf("list topic %s: %w", topic, err)
	}
	return int32(len(found[topic].Partitions)), nil
}
