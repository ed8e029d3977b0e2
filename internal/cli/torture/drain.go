package torture

import (
	"context"
	"fmt"
	"time"
)

// drainPause is the time between two looks.
const drainPause = 300 * time.Millisecond

// wordEvery is how many looks go by until it is said what is waited for.
const wordEvery = 20

// selectStored counts the events in ClickHouse, selectEnds those of them that are ends.
const (
	selectStored = `SELECT (SELECT uniqExact(partition, sequence) FROM calls_log) + (SELECT uniqExact(partition, sequence) FROM conversations_log)
    + (SELECT uniqExact(partition, sequence) FROM deliveries_log)`
	selectEnds = `SELECT (SELECT uniqExact(partition, sequence) FROM calls_log)
    + (SELECT uniqExact(partition, sequence) FROM conversations_log WHERE continued_by = '')`
)

const ruleDrain rule = "runs in which everything came to an end in time"

// drain waits until everything that was acknowledged has ended and is in ClickHouse, and returns what ClickHouse has.
// When that takes too long, it is said, and the checks find what is missing.
func (r *run) drain(ctx context.Context) ([]row, error) {
	deadline := time.Now().Add(r.cfg.Drain)
	for round := 1; ; round++ {
		why, err := r.unfinished(ctx)
		if err != nil {
			return nil, err
		}
		if why == "" {
			r.checks.held(ruleDrain)
			break
		}
		if time.Now().After(deadline) {
			r.checks.broke(ruleDrain, "not within %s: %s", r.cfg.Drain, why)
			break
		}
		if round%wordEvery == 0 {
			r.print("  %8s  %s", r.age(), why)
		}
		if !pause(ctx, drainPause) {
			return nil, context.Cause(ctx)
		}
	}
	return r.rows(ctx)
}

// unfinished says what has not come to its end; empty: everything has.
func (r *run) unfinished(ctx context.Context) (string, error) {
	t, err := r.observer.total()
	if err != nil {
		return "", err
	}
	if n := r.ledger.count(); t.open > 0 || int(t.ended) < n {
		return fmt.Sprintf("%d calls are open, %d have ended, %d were acknowledged", t.open, t.ended, n), nil
	}
	if t.untold > 0 {
		return fmt.Sprintf("%d deliveries have not ended", t.untold), nil
	}
	stored, err := r.number(ctx, selectStored)
	if err != nil {
		return "", err
	}
	if int64(stored) != t.events {
		return fmt.Sprintf("%d of %d events are in ClickHouse", stored, t.events), nil
	}
	ends, err := r.number(ctx, selectEnds)
	if err != nil {
		return "", err
	}
	if taken := r.dequeued(); taken < ends {
		return fmt.Sprintf("%d of %d ends were dequeued", taken, ends), nil
	}
	return "", nil
}
