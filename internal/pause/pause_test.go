package pause_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/pause"
)

func TestFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := pause.For(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("%v after %s, want a minute", err, time.Since(began))
		}
		for _, d := range []time.Duration{0, -time.Second} {
			if err := pause.For(t.Context(), d); err != nil || time.Since(began) != time.Minute {
				t.Errorf("%v after %s, want nothing at once", err, time.Since(began))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if err := pause.For(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %s, want the end of the context after a second", err, time.Since(began))
		}
		if err := pause.For(ctx, 0); err != nil {
			t.Errorf("%v, want nothing: there is nothing to wait for", err)
		}
	})
}
