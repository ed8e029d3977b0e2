package dead

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

// producerOptions are those of a client that appends a record once, or says that it does not know.
func producerOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchMaxBytes(topics.MessageBytesMax),
		kgo.ProducerLinger(0),
		kgo.RecordDeliveryTimeout(deliveryTimeout),
	}
}

// deliveryTimeout bounds the wait for a record to be taken.
const deliveryTimeout = 30 * time.Second

// RefusedError says why a letter was not replayed. Nothing was appended.
type RefusedError struct {
	Why string
	// Done is set when the record was replayed already, by another letter or this one.
	Done bool
}

func (e *RefusedError) Error() string { return e.Why }

// Replay appends letters again to the topics that they came from. It belongs to one goroutine.
type Replay struct {
	box    *Box
	dryRun bool
	// done are the records that were appended: one that was buried twice is one record.
	done map[Place]Place
}

// NewReplay returns one that appends no record twice; if it is a dry run, none at all.
func (b *Box) NewReplay(dryRun bool) *Replay {
	return &Replay{box: b, dryRun: dryRun, done: make(map[Place]Place)}
}

// Append appends a letter to its topic, a call to the partition of its key, and returns where it lies now. A
// *RefusedError says why it was not appended. After any other error it may have been, and nothing more should be.
func (r *Replay) Append(ctx context.Context, l *Letter) (Place, error) {
	record, err := r.record(l)
	if err != nil {
		return Place{}, err
	}
	to := Place{Topic: record.Topic, Partition: record.Partition, Offset: -1}
	if !r.dryRun {
		if err := r.box.client.ProduceSync(ctx, record).FirstErr(); err != nil {
			return Place{}, fmt.Errorf("append to %s, where it may be or not: %w", to, err)
		}
		to.Offset = record.Offset
	}
	r.done[l.Source] = to
	return to, nil
}

// record is what a letter was before it was buried.
func (r *Replay) record(l *Letter) (*kgo.Record, error) {
	from := l.Source
	if from.Topic == "" {
		return nil, refused("it does not say where it came from")
	}
	count := r.box.counts[from.Topic]
	if count == 0 || from.Topic == r.box.topics.Dead {
		return nil, refused("it came from %s, which Parley does not read", from.Topic)
	}
	if l.Empty() {
		return nil, refused("only the reason was kept; the record itself is at %s, if it is still there", from)
	}
	if at, twice := r.done[from]; twice {
		return nil, &RefusedError{Why: fmt.Sprintf("the record was replayed already, to %s", at), Done: true}
	}
	partition := from.Partition
	if from.Topic == r.box.topics.Calls && len(l.Key) > 0 {
		partition = topics.Partition(string(l.Key), count)
	}
	if partition >= count {
		return nil, refused("it came from partition %d of %s, which has %d", partition, from.Topic, count)
	}
	return &kgo.Record{Topic: from.Topic, Partition: partition, Key: l.Key, Value: l.Value, Headers: withoutForwarding(l.Headers)}, nil
}

func refused(format string, args ...any) error {
	return &RefusedError{Why: fmt.Sprintf(format, args...)}
}

// withoutForwarding leaves out what the processor adds to a call that it sends on to another partition: this one begins
// anew.
func withoutForwarding(headers []kgo.RecordHeader) []kgo.RecordHeader {
	return slices.DeleteFunc(slices.Clone(headers), func(h kgo.RecordHeader) bool {
		return h.Key == schemas.HeaderFirstAppended || h.Key == schemas.HeaderForwardedFrom
	})
}
