package client

import (
	"cmp"
	"context"
	"errors"
	"time"

	"parley/internal/pause"
)

// Patience says for how long what Parley cannot do now is tried again.
type Patience struct {
	// For is the time since it could not at first.
	For time.Duration
	// Unreached is set when it is also tried again while nobody answers.
	Unreached bool
}

// insistPause is the time between two attempts, unless Parley names a longer one.
const insistPause = 500 * time.Millisecond

// Insist does what is safe to do again until Parley can, or patience ends.
func Insist(ctx context.Context, p Patience, do func() error) error {
	var failed time.Time
	for {
		err := do()
		away, ok := errors.AsType[*UnavailableError](err)
		if !ok || !p.Unreached && !away.Said() || !failed.IsZero() && time.Since(failed) > p.For {
			return err
		}
		if failed.IsZero() {
			failed = time.Now()
		}
		if pause.For(ctx, cmp.Or(away.After, insistPause)) != nil {
			return context.Cause(ctx)
		}
	}
}
