package dead

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// Box is parley.dead.
type Box struct {
	opts   []kgo.Opt
	topics schemas.Topics
	client *kgo.Client
	admin  *kadm.Client
	// counts are the partitions of the topics that letters come from.
	counts map[string]int32
}

// ErrNoAnswer says that no broker was reached.
var ErrNoAnswer = errors.New("no answer from Kafka")

// answerTimeout bounds the wait for a broker to say anything at all.
const answerTimeout = 10 * time.Second

// Open looks for the topics on the cluster that opts lead to.
func Open(ctx context.Context, topics schemas.Topics, opts ...kgo.Opt) (*Box, error) {
	client, err := kgo.NewClient(append(slices.Clip(opts), producerOptions()...)...)
	if err != nil {
		return nil, fmt.Errorf("configure Kafka client: %w", err)
	}
	b := &Box{opts: opts, topics: topics, client: client, admin: kadm.NewClient(client), counts: make(map[string]int32)}
	if err := b.look(ctx); err != nil {
		client.Close()
		return nil, err
	}
	return b, nil
}

func (b *Box) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	names := []string{b.topics.Dead, b.topics.Calls, b.topics.Results}
	found, err := b.admin.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	for _, name := range names {
		t, ok := found[name]
		if !ok || errors.Is(t.Err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("there is no topic %s: no Parley has been served with this topic prefix", name)
		}
		if t.Err != nil {
			return fmt.Errorf("look for topic %s: %w", name, t.Err)
		}
		b.counts[name] = int32(len(t.Partitions))
	}
	for name, t := range found {
		if _, ok := b.topics.InboxOf(name); ok && t.Err == nil {
			b.counts[name] = int32(len(t.Partitions))
		}
	}
	return nil
}

// Close lets go of the cluster.
func (b *Box) Close() { b.client.Close() }

// ErrStop ends Read early, without an error.
var ErrStop = errors.New("enough was read")

// Read calls f with each letter that the filter chooses, of all that are there now, in their order. f may keep what it
// is given. It ends with the error of f, unless that is ErrStop.
func (b *Box) Read(ctx context.Context, filter Filter, f func(Letter) error) error {
	ends, err := b.admin.ListCommittedOffsets(ctx, b.topics.Dead)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("list end of %s: %w", b.topics.Dead, err)
	}
	starts, err := b.admin.ListOffsetsAfterMilli(ctx, max(0, filter.From.UnixMilli()), b.topics.Dead)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return fmt.Errorf("list offsets of %s: %w", b.topics.Dead, err)
	}
	for _, p := range slices.Sorted(maps.Keys(ends[b.topics.Dead])) {
		start, _ := starts.Lookup(b.topics.Dead, p)
		err := b.scan(ctx, p, start.Offset, ends[b.topics.Dead][p].Offset, func(l Letter) error {
			if !filter.Has(&l) {
				return nil
			}
			return f(l)
		})
		if errors.Is(err, ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Letter returns the one at an offset; an error says that there is none.
func (b *Box) Letter(ctx context.Context, partition int32, offset int64) (Letter, error) {
	none := fmt.Errorf("there is no record at offset %d of %s partition %d", offset, b.topics.Dead, partition)
	if partition < 0 || partition >= b.counts[b.topics.Dead] || offset < 0 {
		return Letter{}, none
	}
	ends, err := b.admin.ListCommittedOffsets(ctx, b.topics.Dead)
	if err != nil {
		return Letter{}, fmt.Errorf("list end of %s: %w", b.topics.Dead, err)
	}
	end, _ := ends.Lookup(b.topics.Dead, partition)
	var found *Letter
	err = b.scan(ctx, partition, offset, min(offset+1, end.Offset), func(l Letter) error {
		found = &l
		return nil
	})
	if err == nil && found == nil {
		err = errors.Join(none, end.Err)
	}
	if err != nil {
		return Letter{}, err
	}
	return *found, nil
}

// scan calls f with the committed records of a partition, from an offset up to, not with, another.
func (b *Box) scan(ctx context.Context, partition int32, from, end int64, f func(Letter) error) error {
	if from >= end {
		return nil
	}
	reader, err := kgo.NewClient(append(slices.Clip(b.opts),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{b.topics.Dead: {partition: kgo.NewOffset().At(from)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the last record before the end may be the marker of a transaction
		kgo.FetchMaxWait(250*time.Millisecond),
	)...)
	if err != nil {
		return fmt.Errorf("read %s: %w", b.topics.Dead, err)
	}
	defer reader.Close()
	for at := from; at < end; {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read %s: %w", b.topics.Dead, err)
		}
		for _, r := range fetches.Records() {
			at = r.Offset + 1
			if r.Attrs.IsControl() || r.Offset >= end {
				continue
			}
			if err := f(letterOf(r)); err != nil {
				return err
			}
		}
	}
	return nil
}
