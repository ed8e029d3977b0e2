package processor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"parley/internal/pause"
	"parley/processor/store"
	"parley/schemas"
)

// restorer brings the store up to what is committed, for partitions that we have just been given.
type restorer struct {
	cfg     *Config
	store   *store.Store
	metrics *metrics
	stopped *stopped
	admin   *kadm.Client
}

const (
	// stableGrace is how much longer than the transaction timeout a former owner's last transaction is waited for:
	// brokers look for those that are over every 10 s.
	stableGrace = 15 * time.Second
	// storeAgeMax is how old the store of a partition may be: well below the 24 hours for which the changelog keeps
	// what was deleted, or deletions would be missed.
	storeAgeMax = 12 * time.Hour
	// stablePause is the time between two looks at it.
	stablePause = 100 * time.Millisecond
	// restoreBatch is how many records are applied at once.
	restoreBatch = 5_000
)

// restore returns those of the partitions that have been caught up; the others are stopped.
func (r *restorer) restore(ctx context.Context, gained map[int32]struct{}) ([]*partition, error) {
	committed, err := r.committed(ctx)
	if err != nil {
		return nil, err
	}
	r.metrics.restoring.Set(float64(len(gained)))
	defer r.metrics.restoring.Set(0)
	out := make([]*partition, 0, len(gained))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0)) // one is read while another is applied
	for id := range gained {
		p := &partition{id: id}
		out = append(out, p)
		group.Go(func() error {
			begun := time.Now()
			if err := r.catchUp(ctx, p, committed[id]); err != nil && !r.stopped.by(err) {
				return fmt.Errorf("partition %d: %w", id, err)
			}
			r.metrics.restoring.Dec()
			r.metrics.restore.Observe(time.Since(begun).Seconds())
			return nil
		})
	}
	err = group.Wait()
	return slices.DeleteFunc(out, func(p *partition) bool { return r.stopped.has(p.id) }), err
}

// deadline is until when a former owner's last transaction is waited for.
func (r *restorer) deadline() time.Time {
	return time.Now().Add(r.cfg.TransactionTimeout + stableGrace)
}

// committed returns what the group has committed of the calls, once no transaction can change it any more (KIP-447).
func (r *restorer) committed(ctx context.Context) (map[int32]int64, error) {
	for deadline := r.deadline(); ; {
		offsets, err := groupOffsets(kadm.RequireStable(ctx), r.admin, r.cfg.Group, r.cfg.Topics.Calls)
		if !errors.Is(err, kerr.UnstableOffsetCommit) || time.Now().After(deadline) {
			return offsets, err
		}
		if err := pause.For(ctx, stablePause); err != nil {
			return nil, err
		}
	}
}

// catchUp follows the changelog until the state has everything that the group has committed: a transaction's parts
// become visible one after the other, its offsets perhaps before its changelog. A turn of outcomes alone moves no
// offset: so all that has been appended must have been decided.
func (r *restorer) catchUp(ctx context.Context, p *partition, committed int64) (err error) {
	if p.applied, err = r.begin(p.id); err != nil {
		return err
	}
	appended, err := r.appended(ctx, r.cfg.Topics.State, p.id)
	if err != nil {
		return err
	}
	deadline := r.deadline()
	for {
		stable, err := r.changelog(ctx, p)
		if err != nil {
			return err
		}
		if p.meta, err = r.store.Meta(p.id); err != nil {
			return err
		}
		if p.meta.NextOffset >= committed && stable >= appended {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the group has committed offset %d, the changelog leads to %d, and is decided up to %d of %d", committed, p.meta.NextOffset, stable, appended)
		}
		if err := pause.For(ctx, stablePause); err != nil {
			return err
		}
	}
	if err := r.checkInput(ctx, p); err != nil {
		return err
	}
	if err := r.results(ctx, p); err != nil {
		return err
	}
	timers, err := r.store.Timers(p.id, time.Time{}, 1)
	if err != nil {
		return err
	}
	wakes, err := r.store.Wakes(p.id, time.Time{}, 1)
	if err != nil {
		return err
	}
	p.nextTimer, p.nextWake = first(timers), first(wakes)
	p.adopted, p.adoptedAt = p.meta.NextOffset, time.Now()
	p.erasures, err = r.store.Erasures(p.id)
	return err
}

func first(timers []store.Timer) time.Time {
	if len(timers) == 0 {
		return time.Time{}
	}
	return timers[0].At
}

// begin returns how far the store has the partition, and wipes it when it is too old to be followed up.
func (r *restorer) begin(partition int32) (store.Applied, error) {
	applied, err := r.store.Applied(partition)
	if err != nil {
		return applied, err
	}
	if applied.Changelog > 0 && time.Since(applied.At) > storeAgeMax {
		r.cfg.Log.Info("local state is too old, it is rebuilt", "partition", partition, "age", time.Since(applied.At))
		return store.Applied{}, r.store.Drop(partition)
	}
	return applied, nil
}

// appended is the end of a partition, with what is not decided yet.
func (r *restorer) appended(ctx context.Context, topic string, partition int32) (int64, error) {
	ends, err := r.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("list end of %s: %w", topic, err)
	}
	end, ok := ends.Lookup(topic, partition)
	if !ok {
		return 0, fmt.Errorf("topic %s has no partition %d", topic, partition)
	}
	return end.Offset, end.Err
}

// changelog applies what is decided, and returns the offset behind it.
func (r *restorer) changelog(ctx context.Context, p *partition) (int64, error) {
	start, end, err := r.bounds(ctx, r.cfg.Topics.State, p.id)
	if err != nil {
		return 0, err
	}
	if p.applied.Changelog > end {
		r.cfg.Log.Warn("local state is ahead of the changelog, it is rebuilt", "partition", p.id, "applied", p.applied.Changelog, "end", end)
		if err := r.store.Drop(p.id); err != nil {
			return 0, err
		}
		p.applied = store.Applied{}
	}
	from := max(start, p.applied.Changelog)
	return end, r.read(ctx, r.cfg.Topics.State, p.id, from, end, func(records []*kgo.Record) error {
		changes := make([]store.Change, len(records))
		for i, c := range records {
			changes[i] = store.Change{Key: c.Key, Value: c.Value}
			p.applied.Changelog = c.Offset + 1
		}
		p.applied.At = time.Now()
		return r.apply(ctx, p, changes, changelogRange{records[0].Offset, end})
	})
}

// changelogRange is a part of a partition's changelog, up to, not with, an offset.
type changelogRange struct{ from, to int64 }

// apply applies records, with what the rest of the changelog is. One that cannot be read is passed over when a later one has
// taken its place: that is what compaction leaves, sooner or later.
func (r *restorer) apply(ctx context.Context, p *partition, changes []store.Change, rest changelogRange) error {
	for {
		err := r.store.Restore(p.id, changes, p.applied)
		damage, ok := errors.AsType[*store.FormatError](err)
		if !ok {
			return err
		}
		left, failed := r.compacted(ctx, p.id, changes, damage.Record(), rest)
		if failed != nil {
			return failed
		}
		if len(left) == len(changes) {
			return err
		}
		r.cfg.Log.Warn("a record of the state cannot be read; a later one has taken its place", "partition", p.id, "error", err)
		changes = left
	}
}

// compacted are the changes without those of a key that later ones in a range, which begins with the changes, replace.
func (r *restorer) compacted(ctx context.Context, partition int32, changes []store.Change, key []byte, in changelogRange) ([]store.Change, error) {
	of := 0 // how many records the key has
	err := r.read(ctx, r.cfg.Topics.State, partition, in.from, in.to, func(records []*kgo.Record) error {
		for _, c := range records {
			if bytes.Equal(c.Key, key) {
				of++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c store.Change) bool {
		if !bytes.Equal(c.Key, key) {
			return false
		}
		of--
		return of > 0
	}), nil
}

// checkInput refuses to go on when calls that were not applied are not in the log any more, or when the log is
// shorter than what was applied: new calls would be taken for those.
func (r *restorer) checkInput(ctx context.Context, p *partition) error {
	start, end, err := r.bounds(ctx, r.cfg.Topics.Calls, p.id)
	if err != nil {
		return err
	}
	if end < p.meta.NextOffset {
		return fmt.Errorf("%s ends at offset %d, but everything before %d was applied: the log has lost records or was made anew; restore it, or begin another Parley under another topic prefix: see docs/operations.md, A topic is lost", r.cfg.Topics.Calls, end, p.meta.NextOffset)
	}
	if start > p.meta.NextOffset {
		return &InputGoneError{Partition: p.id, Next: p.meta.NextOffset, Start: start}
	}
	p.readTo, err = r.appended(ctx, r.cfg.Topics.Calls, p.id) // calls may stand behind a transaction that is not decided
	return err
}

// results brings back the events that the record does not have yet: they are not in the changelog.
func (r *restorer) results(ctx context.Context, p *partition) error {
	from := p.id % r.cfg.ResultPartitions
	start, end, err := r.bounds(ctx, r.cfg.Topics.Results, from)
	if err != nil {
		return err
	}
	sunk, err := groupOffsets(ctx, r.admin, r.cfg.SinkGroup, r.cfg.Topics.Results)
	if err != nil {
		return err
	}
	at := max(start, p.applied.Results, sunk[from])
	return r.read(ctx, r.cfg.Topics.Results, from, at, end, func(records []*kgo.Record) error {
		var events []store.Event
		for _, e := range records {
			if header(e, schemas.HeaderPartition) == strconv.Itoa(int(p.id)) {
				events = append(events, store.Event{Offset: e.Offset, Value: e.Value})
			}
			p.applied.Results = e.Offset + 1
		}
		unreadable, err := r.store.RestoreEvents(p.id, events, p.applied)
		for _, u := range unreadable {
			r.cfg.Log.Error("a result cannot be read; polls do not find it here, and the sink puts it aside", "topic", r.cfg.Topics.Results, "partition", from, "error", u)
		}
		return err
	})
}

// groupOffsets returns what a group has committed of a topic, per partition: nothing of one of which it has committed
// nothing, or when there is no such group yet.
func groupOffsets(ctx context.Context, admin *kadm.Client, group, topic string) (map[int32]int64, error) {
	offsets, err := admin.FetchOffsetsForTopics(ctx, group, topic)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("fetch offsets of group %s: %w", group, err)
	}
	out := make(map[int32]int64)
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.At >= 0 {
			out[o.Partition] = o.At
		}
	})
	return out, nil
}

// bounds returns the first offset of a partition and its stable end.
func (r *restorer) bounds(ctx context.Context, topic string, partition int32) (start, end int64, err error) {
	starts, err := r.admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return 0, 0, fmt.Errorf("list start of %s: %w", topic, err)
	}
	ends, err := r.admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return 0, 0, fmt.Errorf("list end of %s: %w", topic, err)
	}
	s, _ := starts.Lookup(topic, partition)
	e, ok := ends.Lookup(topic, partition)
	if !ok {
		return 0, 0, fmt.Errorf("topic %s has no partition %d", topic, partition)
	}
	return s.Offset, e.Offset, errors.Join(s.Err, e.Err)
}

// read calls f with the committed records of a partition from an offset up to an end, in batches.
func (r *restorer) read(ctx context.Context, topic string, partition int32, from, end int64, f func([]*kgo.Record) error) error {
	if from >= end {
		return nil
	}
	opts := append([]kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(from)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the last record before a stable end is a marker: it tells that we are there
		kgo.FetchMaxBytes(fetchBytesMax),
		kgo.FetchMaxPartitionBytes(fetchBytesMax),
	}, r.cfg.Kafka...)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	defer client.Close()
	for at := from; at < end; {
		fetches := client.PollRecords(ctx, restoreBatch)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read %s partition %d: %w", topic, partition, err)
		}
		var batch []*kgo.Record
		fetches.EachRecord(func(rec *kgo.Record) {
			at = rec.Offset + 1
			if !rec.Attrs.IsControl() && rec.Offset < end {
				batch = append(batch, rec)
			}
		})
		if len(batch) == 0 {
			continue
		}
		if err := f(batch); err != nil {
			return err
		}
		r.metrics.restored.Add(float64(len(batch)))
	}
	return nil
}
