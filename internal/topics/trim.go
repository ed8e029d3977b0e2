package topics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Trimmer deletes the beginning of a topic that has no retention of its own: no age alone may take away a call that
// was acknowledged, or a result that is nowhere else. It deletes what everybody is done with and nobody will look back
// at any more. Each owner of a partition trims that; if two do, no harm is done.
type Trimmer struct {
	// Admin reaches the cluster.
	Admin *kadm.Client
	Topic string
	// Groups are the consumer groups that must be behind a record before it goes, with an offset that is committed and
	// not only pending in a transaction.
	Groups []string
	// After is how long a record is kept at the least, by the topic's own timestamps. Zero: for ever.
	After time.Duration
	// Log is told what Run cannot trim.
	Log *slog.Logger
}

const (
	// trimEveryMin and trimEveryMax bound the time between two rounds.
	trimEveryMin = time.Second
	trimEveryMax = 10 * time.Minute
	// trimTimeout bounds one round.
	trimTimeout = 10 * time.Second
)

// Every is the time between two rounds: so short that not much more is kept than After says.
func (t Trimmer) Every() time.Duration { return min(max(t.After/20, trimEveryMin), trimEveryMax) }

// Run trims now and then, until ctx ends. applied tells, for each partition that the caller owns, the offset before
// which the caller needs nothing.
func (t Trimmer) Run(ctx context.Context, applied func() map[int32]int64) {
	if t.After <= 0 {
		return
	}
	every := time.NewTicker(t.Every())
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-every.C:
			if err := t.Trim(ctx, applied(), now); err != nil && ctx.Err() == nil {
				t.Log.Warn("topic was not trimmed", "topic", t.Topic, "error", err)
			}
		}
	}
}

// Trim is one round, of 10 s at most. Of each partition that applied names it deletes the records that lie before the
// offset given there, before those of the groups, and were appended more than After before now. A partition for which one of
// these is not known is left as it is.
func (t Trimmer) Trim(ctx context.Context, applied map[int32]int64, now time.Time) error {
	if t.After <= 0 || len(applied) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, trimTimeout)
	defer cancel()
	committed, err := t.committed(ctx)
	if err != nil {
		return err
	}
	// Asked last: where nothing is young it says the end, and what was appended meanwhile is behind the others.
	young, err := t.Admin.ListOffsetsAfterMilli(ctx, now.Add(-t.After).UnixMilli(), t.Topic)
	if err != nil {
		return fmt.Errorf("list offsets of %s by time: %w", t.Topic, err)
	}
	starts, err := t.Admin.ListStartOffsets(ctx, t.Topic)
	if err != nil {
		return fmt.Errorf("list start of %s: %w", t.Topic, err)
	}
	cuts := make(kadm.Offsets)
	var errs []error
	for p, offset := range applied {
		kept, start, err := both(young, starts, t.Topic, p)
		if err != nil {
			errs = append(errs, fmt.Errorf("list offsets of %s partition %d: %w", t.Topic, p, err))
			continue
		}
		if to := min(offset, committed[p], kept); to > start {
			cuts.AddOffset(t.Topic, p, to, -1)
		}
	}
	return errors.Join(append(errs, t.cut(ctx, cuts))...)
}

// both returns the offsets of a partition in two lists.
func both(a, b kadm.ListedOffsets, topic string, partition int32) (inA, inB int64, err error) {
	ofA, ok := a.Lookup(topic, partition)
	ofB, too := b.Lookup(topic, partition)
	if !ok || !too {
		return 0, 0, kerr.UnknownTopicOrPartition
	}
	return ofA.Offset, ofB.Offset, errors.Join(ofA.Err, ofB.Err)
}

// committed returns the offsets that all groups have passed; none for partitions where one has none, or where they cannot
// be told.
func (t Trimmer) committed(ctx context.Context) (map[int32]int64, error) {
	var all map[int32]int64
	for _, group := range t.Groups {
		of, err := t.committedBy(ctx, group)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = of
			continue
		}
		for p := range all {
			all[p] = min(all[p], of[p]) // none is 0, before which nothing is cut
		}
	}
	return all, nil
}

// committedBy returns the offsets of a group.
func (t Trimmer) committedBy(ctx context.Context, group string) (map[int32]int64, error) {
	offsets, err := t.Admin.FetchOffsets(ctx, group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("fetch offsets of group %s: %w", group, err)
	}
	out := make(map[int32]int64)
	for p, o := range offsets[t.Topic] {
		if o.Err == nil {
			out[p] = o.At
		}
	}
	return out, nil
}

// cut deletes the records before the offsets.
func (t Trimmer) cut(ctx context.Context, offsets kadm.Offsets) error {
	deleted, err := t.Admin.DeleteRecords(ctx, offsets)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		return fmt.Errorf("delete records of %s: %w", t.Topic, err)
	}
	return nil
}
