package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// stage is something that runs until its context ends, and then finishes what it has in hand.
type stage struct {
	name string
	run  func(context.Context) error
}

// ended is the end of a stage.
type ended struct {
	stage int
	err   error
}

// drain begins when a node is told to stop, and says how long its stages go on as before.
type drain func() <-chan time.Time

// runStages runs all stages at once until ctx and the drain after it end, or one of them does, and tells stopping. Then it ends them,
// the last first, each when the one after it has ended: a stage stands on those before it. It returns their errors; a stage that ends by
// itself is one.
func runStages(ctx context.Context, log *slog.Logger, stages []stage, drain drain, stopping func(error)) error {
	ends := make(chan ended, len(stages))
	cancels := make([]context.CancelFunc, len(stages))
	for i, s := range stages {
		running, cancel := context.WithCancel(context.WithoutCancel(ctx))
		cancels[i] = cancel // called below, for each
		go func() { ends <- ended{stage: i, err: s.run(running)} }()
	}

	var errs []error
	over := make([]bool, len(stages))
	note := func(e ended) {
		over[e.stage] = true
		if e.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", stages[e.stage].name, e.err))
		}
	}
	if e, first := awaitEnd(ctx, ends, drain); first {
		note(e)
		if e.err == nil {
			errs = append(errs, fmt.Errorf("%s: ended by itself", stages[e.stage].name))
		}
	}
	stopping(errors.Join(errs...))
	for i, s := range slices.Backward(stages) {
		log.Debug("stopping", slog.String("stage", s.name))
		cancels[i]()
		for !over[i] {
			note(<-ends)
		}
	}
	return errors.Join(errs...)
}

// awaitEnd waits for the end of ctx and of the drain after it, or for a stage that ends by itself: then it is returned,
// with true.
func awaitEnd(ctx context.Context, ends <-chan ended, drain drain) (ended, bool) {
	select {
	case e := <-ends:
		return e, true
	case <-ctx.Done():
	}
	select {
	case e := <-ends:
		return e, true
	case <-drain():
		return ended{}, false
	}
}
