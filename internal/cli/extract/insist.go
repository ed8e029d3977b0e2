package extract

import (
	"cmp"
	"context"
	"errors"
	"time"

	"parley/internal/cli/client"
)

// retryPause is the time between two attempts, unless the server names another.
const retryPause = 500 * time.Millisecond

// insist does what is safe to do again until Parley can, and no longer than a time after it could not at first.
func insist(ctx context.Context, patience time.Duration, do func() error) error {
	var failed time.Time
	for {
		err := do()
		away, ok := errors.AsType[*client.UnavailableError](err)
		if !ok || !failed.IsZero() && time.Since(failed) > patience {
			return err
		}
		if failed.IsZero() {
			failed = time.Now()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(cmp.Or(away.After, retryPause)):
		}
	}
}
