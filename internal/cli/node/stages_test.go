package node

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// trace is what stages did, in order. Stages end one after the other, so that no lock is needed.
type trace []string

// lasting is a stage that takes a while to finish what it has in hand.
func (tr *trace) lasting(name string, finish time.Duration, err error) stage {
	return stage{name, func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(finish) //nolint:forbidigo // in a bubble of synctest
		*tr = append(*tr, name)
		return err
	}}
}

// noDrain is over at once.
func noDrain() <-chan time.Time { return time.After(0) }

var quiet = slog.New(slog.DiscardHandler)

// Each stage has ended before the one that it stands on is told to.
func TestRunStagesEndInReverse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var tr trace
		stages := []stage{tr.lasting("engines", 0, nil), tr.lasting("processor", 10*time.Second, nil), tr.lasting("ingest", time.Second, nil)}
		time.AfterFunc(time.Hour, cancel)
		began := time.Now()
		err := runStages(ctx, quiet, stages, noDrain, func(why error) {
			if why != nil {
				t.Errorf("stopping because of %v", why)
			}
			tr = append(tr, "stopping")
		})
		if err != nil || time.Since(began) != time.Hour+11*time.Second {
			t.Errorf("error %v after %s", err, time.Since(began))
		}
		if want := []string{"stopping", "ingest", "processor", "engines"}; !slices.Equal(tr, want) {
			t.Errorf("got %q, want %q", tr, want)
		}
	})
}

// A stage that ends by itself ends all, and says why.
func TestRunStagesFailure(t *testing.T) {
	t.Parallel()
	died := errors.New("died")
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"with an error":    {died, "processor: died"},
		"without an error": {nil, "processor: ended by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var tr trace
				late := errors.New("late")
				stages := []stage{
					tr.lasting("engines", 0, late),
					{"processor", func(context.Context) error { return c.err }},
					tr.lasting("ingest", time.Second, nil),
				}
				var why error
				err := runStages(t.Context(), quiet, stages, noDrain, func(err error) { why = err })
				if why == nil || why.Error() != c.want {
					t.Errorf("stopping because of %v, want %s", why, c.want)
				}
				if err == nil || !strings.HasPrefix(err.Error(), c.want) || !errors.Is(err, late) {
					t.Errorf("error %v, want %s and %v", err, c.want, late)
				}
				if !slices.Equal(tr, []string{"ingest", "engines"}) {
					t.Errorf("ended %q", tr)
				}
			})
		})
	}
}

// What was told to stop goes on until the drain is over, unless one of them cannot.
func TestRunStagesDrain(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		failAfter time.Duration // of a stage, from the beginning; zero: it does not
		want      time.Duration
		err       error
	}{
		"to its end":       {0, time.Minute + 5*time.Second, nil},
		"until one breaks": {time.Minute + time.Second, time.Minute + time.Second, broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				stages := []stage{{"one", func(ctx context.Context) error {
					var fails <-chan time.Time
					if c.failAfter > 0 {
						fails = time.After(c.failAfter)
					}
					select {
					case <-ctx.Done():
						return nil
					case <-fails:
						return broken
					}
				}}}
				began, stopped := time.Now(), time.Duration(0)
				drain := func() <-chan time.Time { return time.After(5 * time.Second) }
				err := runStages(ctx, quiet, stages, drain, func(error) { stopped = time.Since(began) })
				if !errors.Is(err, c.err) || stopped != c.want {
					t.Errorf("stopping after %s with %v, want %s with %v", stopped, err, c.want, c.err)
				}
			})
		})
	}
}
