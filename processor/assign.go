package processor

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
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

// adopt makes the loop's partitions those that the group has given us: lost ones are let go, new ones caught up, unless they
// are stopped.
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
		l.notifier.drop(id)
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
		ended, err := former{session: l.session, admin: kadm.NewClient(l.session.client), lease: l.lease, topics: l.cfg.Topics, gained: gained}.end(ctx)
		if err != nil {
			l.cfg.Log.Warn("transactions of former owners may be open; they are waited for", "error", err)
		}
		if len(ended) > 0 {
			l.cfg.Log.Info("transactions of former owners ended", "transactional_ids", ended)
		}
		r := restorer{cfg: &l.cfg, store: l.store, metrics: l.metrics, stopped: l.stopped, admin: kadm.NewClient(l.session.client)}
		sound, _ := l.stopped.split(gained)
		partitions, err := r.restore(ctx, sound)
		if err != nil {
			return err
		}
		for _, p := range partitions {
			l.partitions[p.id] = p // its executions begin when a turn of ours has been committed
			l.live.adopt(p)
			l.metrics.partitions.committed(p.id, p.meta)
		}
		sound, left := l.stopped.split(gained)
		l.leave(left)
		l.cfg.Log.Info("partitions taken over", "partitions", slices.Sorted(maps.Keys(sound)), "took", time.Since(start))
	}
	l.metrics.owned.Set(float64(len(l.partitions)))
	return nil
}

// leave leaves partitions that are stopped where they are: their calls are not fetched, and no offset of theirs moves.
func (l *loop) leave(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	l.session.client.PauseFetchPartitions(map[string][]int32{l.cfg.Topics.Calls: partitions})
	for _, id := range partitions {
		l.metrics.partitions.stop(id)
	}
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
