package torture

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	parleyv1 "parley/schemas/parley/v1"
)

// Recovery is how the partitions of a member fared that was struck.
type Recovery struct {
	Victim string
	Kind   Kind
	// Lasts is how long the blow did.
	Lasts time.Duration
	// Partitions are those that the member had, and had recorded something in, Progressed those of them in which a next owner has recorded the end of a
	// call, and Slowest how long after the blow the last of them did so for the first time. When the blow is over before the
	// group has given the member up, none has a next owner.
	Partitions, Progressed int
	Slowest                time.Duration
}

// ownerless returns whether a member that is struck so may lose its partitions to others.
func (k Kind) ownerless() bool {
	switch k {
	case Killed, Frozen, Stopped, CutOff, Silenced, CutFromCoordinator:
		return true
	}
	return false
}

// ofNetwork returns whether it is done to the network of a member.
func (k Kind) ofNetwork() bool {
	switch k {
	case CutOff, Silenced, CutFromCoordinator, Far, CutFromPeers:
		return true
	}
	return false
}

// expectation is what a partition is watched for behind a blow.
type expectation struct {
	recovery *Recovery
	since    time.Time
	// before is what the owner that was struck is known to have recorded.
	before *parleyv1.PartitionState
}

// expect begins to watch the partitions of a member that is about to be struck.
func (o *observer) expect(b Blow, partitions []int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := &Recovery{Victim: b.Victim, Kind: b.Kind, Lasts: b.Lasts}
	for _, p := range partitions {
		if before := o.states[p]; before != nil {
			r.Partitions++
			o.expected[p] = append(o.expected[p], expectation{recovery: r, since: time.Now(), before: before})
		}
	}
	if r.Partitions > 0 {
		o.recoveries = append(o.recoveries, r)
	}
}

// progress takes note of a state that was recorded. Only an owner that came behind the blow has a higher fence.
func (o *observer) progress(partition int32, now *parleyv1.PartitionState) {
	o.expected[partition] = slices.DeleteFunc(o.expected[partition], func(e expectation) bool {
		if now.Fence <= e.before.Fence || ended(now) <= ended(e.before) {
			return false
		}
		e.recovery.Progressed++
		e.recovery.Slowest = max(e.recovery.Slowest, time.Since(e.since))
		return true
	})
	for i := range o.expected[partition] {
		if e := &o.expected[partition][i]; now.Fence == e.before.Fence {
			e.before = now // committed before the blow, or by who did not feel it yet
		}
	}
}

// recovered returns what became of all blows.
func (o *observer) recovered() []Recovery {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]Recovery, len(o.recoveries))
	for i, r := range o.recoveries {
		all[i] = *r
	}
	return all
}

// groupOf is the group of the processors.
func (g *group) groupOf() string { return g.prefix + ".processor" }

// watch begins to watch what a blow to a member does to its partitions.
func (r *run) watch(ctx context.Context, b Blow) {
	if !b.Kind.ownerless() {
		return
	}
	switch owned, err := r.owned(ctx, b.Victim); {
	case err != nil:
		r.print("  %8s  %-10s its recovery is not measured: %v", r.age(), b.Victim, err)
	case len(owned) > 0:
		r.observer.expect(b, owned)
	}
}

// owned returns the partitions that a member has. While the group divides them anew, nobody has any.
func (r *run) owned(ctx context.Context, member string) ([]int32, error) {
	ctx, cancel := context.WithTimeout(ctx, kafkaWait)
	defer cancel()
	group := r.group.groupOf()
	all, err := kadm.NewClient(r.kafka).DescribeGroups(ctx, group)
	if err == nil {
		err = all[group].Err
	}
	if err != nil {
		return nil, fmt.Errorf("describe group %s: %w", group, err)
	}
	var owned []int32
	for _, m := range all[group].Members {
		if m.InstanceID == nil || *m.InstanceID != member {
			continue
		}
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range assigned.Topics {
				owned = append(owned, t.Partitions...)
			}
		}
	}
	return owned, nil
}

// coordinator returns the address of the broker that leads the group of the processors.
func (r *run) coordinator(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, kafkaWait)
	defer cancel()
	group := r.group.groupOf()
	found := kadm.NewClient(r.kafka).FindGroupCoordinators(ctx, group)[group]
	if found.Err != nil {
		return "", fmt.Errorf("find who leads group %s: %w", group, found.Err)
	}
	return addrOf(kadm.BrokerDetail{Host: found.Host, Port: found.Port}), nil
}
