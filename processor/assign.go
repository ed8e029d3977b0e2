package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"parley/processor/store"
	"parley/schemas"
)

// membership is who we are in the group, as of one of its generations. The client knows of a new one as soon as it has
// joined again, long before it tells which partitions are ours in it: so it is taken when that is told, and what we do
// as their owner, commits and heartbeats, is done in its name alone.
type membership struct {
	id         string
	generation int32
}

// ownership is what the group has said since the loop last looked. The group's callbacks write it.
type ownership struct {
	wake   func() // makes the loop come round
	mu     sync.Mutex
	gained map[int32]struct{}
	lost   map[int32]struct{}
	// as is who we were in the group when it told us that.
	as membership
	// rebalance is set while the group waits for us to allow a rebalance.
	rebalance bool
}

// blocked says that the group wants to rebalance.
func (o *ownership) blocked(context.Context, *kgo.Client) {
	o.mu.Lock()
	o.rebalance = true
	o.mu.Unlock()
	o.wake()
}

// waits reports whether the group waits for us, once.
func (o *ownership) waits() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	waits := o.rebalance
	o.rebalance = false
	return waits
}

// assigned is called once in each generation, also if nothing was added.
func (o *ownership) assigned(_ context.Context, client *kgo.Client, topics map[string][]int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.as.id, o.as.generation = client.GroupMetadata()
	for _, partitions := range topics {
		for _, p := range partitions {
			if o.gained == nil {
				o.gained = make(map[int32]struct{})
			}
			o.gained[p] = struct{}{}
		}
	}
}

func (o *ownership) revoked(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, partitions := range topics {
		for _, p := range partitions {
			delete(o.gained, p)
			if o.lost == nil {
				o.lost = make(map[int32]struct{})
			}
			o.lost[p] = struct{}{}
		}
	}
}

func (o *ownership) take() (gained, lost map[int32]struct{}, as membership) {
	o.mu.Lock()
	defer o.mu.Unlock()
	gained, lost = o.gained, o.lost
	o.gained, o.lost = nil, nil
	return gained, lost, o.as
}

// adopt makes the loop's partitions those that the group has given us: lost ones are let go, new ones caught up.
func (l *loop) adopt(ctx context.Context) error {
	gained, lost, as := l.owner.take()
	if as.id != l.session.as.id {
		gained, lost = l.newcomer(gained, lost)
	}
	l.session.as = as
	l.lease.as.Store(&as)
	for id := range lost {
		l.live.drop(id)
		l.metrics.partitions.drop(id)
		l.dispatch.drop(id)
		delete(l.partitions, id)
	}
	if len(lost) > 0 {
		l.cfg.Log.Info("partitions let go", "partitions", slices.Sorted(maps.Keys(lost)))
	}
	if len(gained) > 0 {
		start := time.Now()
		if err := l.session.fence(ctx); err != nil {
			return err
		}
		r := restorer{cfg: &l.cfg, store: l.store, metrics: l.metrics, admin: kadm.NewClient(l.session.client)}
		partitions, err := r.restore(ctx, gained)
		if err != nil {
			return err
		}
		for _, p := range partitions {
			l.partitions[p.id] = p // its executions begin when a turn of ours has been committed
			l.live.adopt(p)
			l.metrics.partitions.committed(p.id, p.meta)
		}
		l.cfg.Log.Info("partitions taken over", "partitions", slices.Sorted(maps.Keys(gained)), "took", time.Since(start))
	}
	l.metrics.owned.Set(float64(len(l.partitions)))
	return nil
}

// newcomer takes what the group has said to a member that it had forgotten: the client does not tell of partitions that
// are ours again, but in between they may have been another's.
func (l *loop) newcomer(gained, lost map[int32]struct{}) (allGained, allLost map[int32]struct{}) {
	allGained, allLost = maps.Clone(gained), make(map[int32]struct{})
	for id := range l.partitions {
		if _, gone := lost[id]; !gone {
			if allGained == nil {
				allGained = make(map[int32]struct{})
			}
			allGained[id] = struct{}{}
		}
		allLost[id] = struct{}{}
	}
	return allGained, allLost
}

// restorer brings the store up to what is committed, for partitions that we have just been given.
type restorer struct {
	cfg     *Config
	store   *store.Store
	metrics *metrics
	admin   *kadm.Client
}

const (
	// stableGrace is how much longer than the transaction timeout a former owner's last transaction is waited for:
	// brokers look for those that are over every 10 s.
	stableGrace = 15 * time.Second
	// storeAgeMax is how old the store of a partition may be: well below the 24 hours for which the changelog keeps
	// what was deleted, or deletions would be missed.
	storeAgeMax = 12 * time.Hour
	// restoreBatch is how many records are applied at once.
	restoreBatch = 5_000
)

func (r *restorer) restore(ctx context.Context, gained map[int32]struct{}) ([]*partition, error) {
	committed, err := groupOffsets(kadm.RequireStable(ctx), r.admin, r.cfg.Group, r.cfg.Topics.Calls)
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
			if err := r.catchUp(ctx, p, committed[id]); err != nil {
				return fmt.Errorf("partition %d: %w", id, err)
			}
			r.metrics.restoring.Dec()
			r.metrics.restore.Observe(time.Since(begun).Seconds())
			return nil
		})
	}
	return out, group.Wait()
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
	deadline := time.Now().Add(r.cfg.TransactionTimeout + stableGrace)
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
		if err := pause(ctx, 100*time.Millisecond); err != nil {
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
	p.nextTimer, p.nextWake = first(timers), first(wakes)
	p.adopted, p.adoptedAt = p.meta.NextOffset, time.Now()
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
		return r.store.Restore(p.id, changes, p.applied)
	})
}

// checkInput refuses to go on when calls that were not applied are not in the log any more, or when the log is
// shorter than what was applied: new calls would be taken for those.
func (r *restorer) checkInput(ctx context.Context, p *partition) error {
	start, end, err := r.bounds(ctx, r.cfg.Topics.Calls, p.id)
	if err != nil {
		return err
	}
	if end < p.meta.NextOffset {
		return fmt.Errorf("%s ends at offset %d, but everything before %d was applied: the log has lost records or was made anew; restore it, or remove the state topic and the group with it", r.cfg.Topics.Calls, end, p.meta.NextOffset)
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
		return r.store.RestoreEvents(p.id, events, p.applied)
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

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
