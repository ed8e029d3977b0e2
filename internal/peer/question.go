package peer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"parley/internal/pause"
	"parley/schemas"
)

const (
	// ownersAge is for how long what was found of the owners is taken as true.
	ownersAge = time.Second
	// ownerWait bounds the wait for a partition without an owner, as while the group rebalances.
	ownerWait = 2 * time.Second
	// ownerPause is the time between two looks for it.
	ownerPause = 50 * time.Millisecond
)

// question is asked of the owners of partitions.
type question[R any] struct {
	live *Live
	// patience is for how long owners are looked for. Zero: they are looked up once more when one is not what it was.
	patience time.Duration
	put      func(context.Context, Owner, []int32) (R, error)
}

// ask asks until one owner knows. schemas.ErrUnknown: all partitions have an owner, and none knows. A partition that
// changes hands meanwhile is asked about again.
func (q question[R]) ask(ctx context.Context, in []int32) (none R, _ error) {
	var owners owners // nil: not looked up yet, which most questions can do without
	var missed time.Time
	var worst error // nil: none could not tell
	pending := in
	for len(pending) > 0 {
		round := q.own(ctx, pending)
		if !round.done && len(round.missing) > 0 {
			if owners == nil {
				owners = q.live.directory.since(ctx, time.Now().Add(-ownersAge))
			}
			q.elsewhere(ctx, owners, &round)
		}
		if round.done {
			return round.found, round.err
		}
		pending = round.missing
		if round.err != nil {
			worst = round.err
		}
		if len(pending) == 0 {
			break
		}
		before, now := owners, time.Now()
		if missed.IsZero() {
			missed = now
		}
		owners = q.live.directory.since(ctx, now)
		if moved(pending, before, owners) {
			continue
		}
		if round.silent || time.Since(missed) >= q.patience || pause.For(ctx, ownerPause) != nil {
			return none, fmt.Errorf("partitions %v: no owner answers: %w", pending, schemas.ErrUnavailable)
		}
	}
	if worst == nil {
		worst = fmt.Errorf("no owner knows: %w", schemas.ErrUnknown)
	}
	return none, worst
}

// moved reports whether one of the partitions has another owner now.
func moved(partitions []int32, before, now owners) bool {
	return slices.ContainsFunc(partitions, func(p int32) bool { return now[p] != "" && now[p] != before[p] })
}

// round is what came of asking every owner once.
type round[R any] struct {
	// done: found and err are the answer.
	done  bool
	found R
	// err of a round that is not done is of an owner that cannot tell; nil: there is none.
	err error
	// missing are the partitions whose owner was not found. silent: one of them was waited for in vain.
	missing []int32
	silent  bool
}

// own asks our own process.
func (q question[R]) own(ctx context.Context, in []int32) round[R] {
	var r round[R]
	found, err := q.put(ctx, q.live.owner, in)
	r.hear(in, found, err)
	return r
}

// elsewhere asks the nodes that own what a round misses.
func (q question[R]) elsewhere(ctx context.Context, owners owners, all *round[R]) {
	elsewhere := all.missing
	all.missing = nil
	byNode := make(map[string][]int32)
	for _, p := range elsewhere {
		if node := owners[p]; node != "" && node != q.live.self {
			byNode[node] = append(byNode[node], p)
		} else {
			all.missing = append(all.missing, p)
		}
	}
	for _, node := range slices.Sorted(maps.Keys(byNode)) {
		if all.done {
			break
		}
		found, err := q.put(ctx, q.live.node(node), byNode[node])
		q.live.note(node, err)
		all.hear(byNode[node], found, err)
	}
}

// hear takes what an owner said of partitions.
func (r *round[R]) hear(of []int32, found R, err error) {
	disowned, notOwned := errors.AsType[*schemas.NotOwnedError](err)
	_, recorded := errors.AsType[*schemas.RecordedError](err)
	switch {
	case err == nil, recorded:
		r.done, r.found, r.err = true, found, err
	case notOwned:
		for _, p := range of {
			if slices.Contains(disowned.Partitions, p) {
				r.missing = append(r.missing, p)
			}
		}
	case errors.Is(err, errUnreachable):
		r.missing = append(r.missing, of...)
		r.silent = r.silent || errors.Is(err, errSilent)
	case !errors.Is(err, schemas.ErrUnknown):
		r.err = err
	}
}
