package processor

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/store"
	"parley/schemas"
)

// down has a route answer nothing but that it cannot.
func down(executor.Request) conversation.Outcome {
	return conversation.Outcome{Kind: conversation.Transient}
}

// TestMemoryIsBoundedWhateverWaits lets very many wait for a route that takes nothing, before and after the adoption.
func TestMemoryIsBoundedWhateverWaits(t *testing.T) {
	t.Parallel()
	const n, admittedMax = 200_000, 1_000
	r := newRig(t, admittedMax, rowsAndOthers)
	r.paused.Store("rows", true)
	heavy := make([]entry, n)
	for i := range heavy {
		heavy[i] = entry{id: fmt.Sprint("h", i), account: "heavy", partition: int32(i % 4), bare: true}
	}
	r.ready(heavy[:n/2]...)
	r.owns(0, 1, 2, 3)
	r.releaseAll(r.ready(heavy[n/2:]...))
	r.mustFill()
	if got := r.running.len(); got != admittedMax {
		t.Errorf("%d of %d are in memory, want %d", got, n, admittedMax)
	}
	others := make([]entry, 3_000)
	for i := range others {
		others[i] = entry{id: fmt.Sprint("o", i), account: fmt.Sprint("light", i%10), objectType: "Other", partition: int32(i % 4)}
	}
	r.releaseAll(r.ready(others...))
	r.mustFill()
	if got := r.running.len(); got > 2*admittedMax {
		t.Errorf("with a second route %d are in memory, want at most %d", got, 2*admittedMax)
	}
	r.gate.opened()
	for heard := 0; heard < len(others); {
		fs := r.hear()
		heard += len(fs)
		r.turn(fs)
		if got := r.running.len(); got > 2*admittedMax {
			t.Fatalf("%d are in memory, want at most %d", got, 2*admittedMax)
		}
	}
	if got := r.gate.most["rows"]; got != 0 {
		t.Errorf("%d began on the route that is paused", got)
	}
}

// TestHeavyAccountLeavesRoomAndTurns has an account with very many calls before one with few, through a small memory:
// the few do not wait for the many.
func TestHeavyAccountLeavesRoomAndTurns(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, oneRoute("concurrency: 1"))
	var es []entry
	for i := range 1_000 {
		es = append(es, entry{id: fmt.Sprint("h", i), account: "heavy"})
	}
	r.ready(es...)
	r.owns(0)
	r.releaseAll(r.ready(entry{id: "l0", account: "light"}, entry{id: "l1", account: "light"}, entry{id: "l2", account: "light"}))
	r.gate.opened()
	for !slices.Contains(r.gate.begun(), "l2") {
		r.turn(r.hear())
	}
	if got := slices.Index(r.gate.begun(), "l2"); got > 30 {
		t.Errorf("the last of the light account began as number %d", got)
	}
}

// TestQueueFillsTheMemoryInSteps adopts more than one fill admits.
func TestQueueFillsTheMemoryInSteps(t *testing.T) {
	t.Parallel()
	const n = 4*refillMax + 1
	r := newRig(t, 2*n, oneRoute("concurrency: 100000"))
	r.ready(entries(names("c", n)...)...)
	r.adopt(0, 1)
	for fills := 1; r.running.len() < n; fills++ {
		before := r.running.len()
		r.mustFill()
		if got := r.running.len() - before; got > refillMax || got == 0 {
			t.Fatalf("fill %d admitted %d, want some, and at most %d", fills, got, refillMax)
		}
		if r.running.len() < n && r.next().After(time.Now()) {
			t.Fatalf("after %d of %d the next fill is at %s, want at once", r.running.len(), n, r.next())
		}
	}
	r.runAll(n)
	r.wantEmpty()
}

// TestClassesBeyondTheBoundAllMoveOn has more accounts than may be in memory.
func TestClassesBeyondTheBoundAllMoveOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, 5, oneRoute("concurrency: 3"))
	var es []entry
	for i := range 300 {
		es = append(es, entry{id: fmt.Sprint("c", i), account: fmt.Sprint("a", i%60), priority: schemas.Priority(i%3 - 1)})
	}
	r.ready(es[:150]...)
	r.owns(0)
	r.releaseAll(r.ready(es[150:]...))
	r.runAll(len(es))
	r.wantEmpty()
	if got := len(slices.Compact(slices.Sorted(slices.Values(r.gate.begun())))); got != len(es) {
		t.Errorf("%d of %d began", got, len(es))
	}
}

// TestWhatWasDueWhenItIsReleasedBegins has a turn be committed late: what it delays was due in a millisecond whose delays
// have been looked at.
func TestWhatWasDueWhenItIsReleasedBegins(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 10, oneRoute("concurrency: 10")).owns(0)
		due := time.Now().Truncate(time.Millisecond).Add(time.Hour)
		r.releaseAll(r.ready(entry{id: "z", notBefore: due}))
		<-time.After(time.Until(due.Add(time.Millisecond)))
		r.mustFill()
		r.releaseAll(r.ready(entry{id: "a", notBefore: due.Add(300 * time.Microsecond)}))
		r.mustFill()
		synctest.Wait()
		if got, want := slices.Sorted(slices.Values(r.gate.begun())), []string{"a", "z"}; !slices.Equal(got, want) {
			t.Errorf("begun are %v, want %v", got, want)
		}
	})
}

// TestScheduledAtOnceWaitInTheQueue has more fall due at one time than there is room for.
func TestScheduledAtOnceWaitInTheQueue(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 10, oneRoute("concurrency: 1")).owns(0)
		when := time.Now().Add(time.Hour)
		var es []entry
		var want []string
		for i := range 2_500 {
			es = append(es, entry{id: fmt.Sprintf("c%04d", i), notBefore: when})
			want = append(want, es[i].id)
		}
		r.releaseAll(r.ready(es...))
		r.mustFill()
		if got := r.next(); !got.Equal(when) || r.running.len() > 0 {
			t.Errorf("next is %s, %d in memory, want %s and none", got, r.running.len(), when)
		}
		<-time.After(time.Until(when))
		r.mustFill()
		if got := r.running.len(); got != 10 {
			t.Errorf("%d are in memory, want 10", got)
		}
		r.gate.opened()
		for heard := 0; heard < len(es); {
			r.mustFill()
			synctest.Wait()
			fs := r.mailbox.take()
			heard += len(fs)
			r.turn(fs)
		}
		r.wantEmpty()
		if got := r.gate.begun(); !slices.Equal(got, want) {
			t.Errorf("they did not begin in order: %v", got)
		}
	})
}

// TestRetriesWaitInTheStore fails many attempts of a route that is down for an hour.
func TestRetriesWaitInTheStore(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 100, oneRoute("concurrency: 10, retry: {initial: 1s, max: 5s}"))
		r.gate.answer = down
		r.ready(entries(names("c", 500)...)...)
		r.owns(0)
		r.gate.opened()
		back := time.Now().Add(time.Hour)
		for time.Now().Before(back) {
			r.lives(100 * time.Millisecond)
		}
		attempts := len(r.gate.begun())
		if probes := int(time.Hour / circuitOpenMax); attempts > 2*probes {
			t.Errorf("%d attempts in an hour, want about one each %s", attempts, circuitOpenMax)
		}
		r.gate.mu.Lock()
		r.gate.answer, r.gate.began = nil, nil
		r.gate.mu.Unlock()
		for range 1_000 {
			if r.lives(100 * time.Millisecond); len(r.gate.begun()) >= 500 {
				break
			}
		}
		r.lives(time.Second)
		if got := len(r.gate.begun()); got != 500 {
			t.Errorf("%d began after the return, want 500", got)
		}
		r.wantEmpty()
	})
}

// lives takes turns for a while.
func (r *rig) lives(d time.Duration) {
	r.t.Helper()
	for until := time.Now().Add(d); time.Now().Before(until); {
		synctest.Wait()
		r.turn(r.mailbox.take())
		nap := time.Until(until)
		if next := r.next(); !next.IsZero() {
			nap = max(time.Millisecond, min(nap, time.Until(next)))
		}
		<-time.After(min(nap, 10*time.Millisecond))
	}
}
