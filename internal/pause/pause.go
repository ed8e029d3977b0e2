// Package pause waits between two attempts.
package pause

import (
	"context"
	"time"
)

// For waits for d. Its error is that of a context that ended before; where there is nothing to wait for, none did.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
