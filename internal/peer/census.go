package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"parley/internal/pause"
	"parley/schemas"
)

// census is a question that the owners of all partitions must answer, each for its own.
type census[R any] struct {
	live *Live
	// patience is for how long owners are looked for, as that of a question.
	patience time.Duration
	put      func(context.Context, Owner, []int32) (R, error)
}

// take returns what the owners say; together they tell of each partition once. schemas.ErrUnavailable: one of them
// cannot tell now, or says nothing; then what the others say is not all.
func (c census[R]) take(ctx context.Context) ([]R, error) {
	pending := make([]int32, c.live.partitions)
	for p := range pending {
		pending[p] = int32(p)
	}
	owners := c.live.directory.since(ctx, time.Now().Add(-ownersAge))
	var told []R
	var missed time.Time
	for {
		round := c.round(ctx, owners, pending)
		told = append(told, round.told...)
		if round.err != nil || len(round.missing) == 0 {
			return told, round.err
		}
		pending = round.missing
		before, now := owners, time.Now()
		if missed.IsZero() {
			missed = now
		}
		owners = c.live.directory.since(ctx, now)
		if moved(pending, before, owners) {
			continue
		}
		if round.silent || time.Since(missed) >= c.patience || pause.For(ctx, ownerPause) != nil {
			return told, fmt.Errorf("partitions %v: no owner answers: %w", pending, schemas.ErrUnavailable)
		}
	}
}

// tally is what came of asking every owner once.
type tally[R any] struct {
	mu   sync.Mutex
	told []R
	// err is of an owner that cannot tell; nil: there is none.
	err error
	// missing are the partitions of which nobody has told. silent: one of them was waited for in vain.
	missing []int32
	silent  bool
}

// round asks our own process, then, at once, the nodes that own what it does not.
func (c census[R]) round(ctx context.Context, owners owners, in []int32) *tally[R] {
	var all tally[R]
	_ = all.ask(ctx, c, c.live.owner, in) // the tally has it
	elsewhere := all.missing
	all.missing = nil
	byNode := make(map[string][]int32)
	for _, p := range elsewhere {
		if node := owners[p]; node != "" && node != c.live.self {
			byNode[node] = append(byNode[node], p)
		} else {
			all.missing = append(all.missing, p)
		}
	}
	var asked sync.WaitGroup
	for node, its := range byNode {
		asked.Go(func() { c.live.note(node, all.ask(ctx, c, c.live.node(node), its)) })
	}
	asked.Wait()
	return &all
}

// ask takes down what an owner says of partitions, and returns its error. One that does not own all of them is asked
// again for those that it does.
func (t *tally[R]) ask(ctx context.Context, c census[R], o Owner, of []int32) error {
	told, err := c.put(ctx, o, of)
	var disowned []int32
	if e, ok := errors.AsType[*schemas.NotOwnedError](err); ok {
		disowned, of = split(of, e.Partitions)
		if len(of) > 0 {
			told, err = c.put(ctx, o, of)
		}
	}
	_, moved := errors.AsType[*schemas.NotOwnedError](err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.missing = append(t.missing, disowned...)
	switch {
	case err == nil:
		t.told = append(t.told, told)
	case moved:
		t.missing = append(t.missing, of...)
	case errors.Is(err, errUnreachable):
		t.missing = append(t.missing, of...)
		t.silent = t.silent || errors.Is(err, errSilent)
	default:
		t.err = err
	}
	return err
}

// split returns which of partitions are among others, and which are not.
func split(partitions, others []int32) (among, not []int32) {
	for _, p := range partitions {
		if slices.Contains(others, p) {
			among = append(among, p)
		} else {
			not = append(not, p)
		}
	}
	return among, not
}
