package processor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/store"
	"parley/schemas"
)

func TestQueueRunsInOrderThroughASmallMemory(t *testing.T) {
	t.Parallel()
	for _, admittedMax := range []int{1, 2, 3, 7} {
		t.Run(fmt.Sprintf("admittedMax=%d", admittedMax), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, admittedMax, oneRoute("concurrency: 1"))
			want := names("c", 30)
			r.ready(entries(want...)...)
			r.owns(0)
			r.runAll(len(want))
			if got := r.gate.begun(); !slices.Equal(got, want) {
				t.Errorf("begun %v, want %v", got, want)
			}
			r.wantEmpty()
		})
	}
}

// wantEmpty checks that nothing is left in memory.
func (r *rig) wantEmpty() {
	r.t.Helper()
	r.group.Wait() // what was heard of may not have given its place back yet
	if r.running.len() > 0 || r.heldBytes != 0 || r.active != 0 || len(r.hungry) > 0 {
		r.t.Errorf("at the end %d are admitted, %d bytes held, %d classes active, %d hungry, want nothing", r.running.len(), r.heldBytes, r.active, len(r.hungry))
	}
	for _, l := range r.lines.all() {
		l.mu.Lock()
		if l.queue.len > 0 || l.busy > 0 || l.holding > 0 {
			r.t.Errorf("line %q: %d wait, %d under way, %d hold a place, want none", l.name, l.queue.len, l.busy, l.holding)
		}
		l.mu.Unlock()
	}
}

// TestReleaseBeyondTheBoundIsNotLost releases while the memory is full: the conversations wait in the store.
func TestReleaseBeyondTheBoundIsNotLost(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, oneRoute("concurrency: 1")).owns(0, 1)
	es := append(entries("first"), entries(names("c", 5)...)...)
	for i := range es[1:] {
		es[i+1].partition = 1
	}
	r.releaseAll(r.ready(es...))
	if r.running.len() != 1 {
		t.Errorf("%d are admitted, want 1", r.running.len())
	}
	r.runAll(6)
	if got, want := r.gate.begun(), append([]string{"first"}, names("c", 5)...); !slices.Equal(got, want) {
		t.Errorf("begun %v, want %v", got, want)
	}
	r.wantEmpty()
}

func TestPayloadsInMemoryAreBounded(t *testing.T) {
	t.Parallel()
	const n = heldBytesMax>>20 + 5
	r := newRig(t, n, oneRoute("concurrency: 256")).owns(0)
	properties := []byte(`{"x":"` + strings.Repeat("x", 1<<20) + `"}`) // shared by all: the test's own memory is small
	releases := r.ready(entries(names("c", n)...)...)
	for i := range releases {
		releases[i].call = entry{id: fmt.Sprintf("c%d", i)}.call()
		releases[i].call.Objects[0].Properties = properties
	}
	r.releaseAll(releases)
	held := 0
	for _, w := range r.running.works {
		if w.call != nil {
			held += proto.Size(w.call)
		}
	}
	if held > heldBytesMax || held < heldBytesMax-2<<20 || held != r.heldBytes {
		t.Errorf("%d bytes are in memory and %d are counted, want about %d", held, r.heldBytes, heldBytesMax)
	}
	r.runAll(n) // those that were let go of are read from the store
	r.wantEmpty()
}

func TestDelayedAttemptsBeginInTheirTime(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 10, oneRoute("concurrency: 10")).owns(0, 1)
		start := time.Now()
		r.releaseAll(r.ready(
			entry{id: "c0", notBefore: start.Add(3 * time.Second)},
			entry{id: "c1", notBefore: start.Add(time.Second)},
			entry{id: "c2", notBefore: start.Add(2 * time.Second)},
			entry{id: "dropped", notBefore: start.Add(time.Second), partition: 1},
		))
		if r.running.len() > 0 {
			t.Errorf("%d are in memory before their time", r.running.len())
		}
		r.drop(1)
		for i, want := range []string{"c1", "c2", "c0"} {
			r.mustFill()
			synctest.Wait()
			if got := r.gate.begun(); len(got) != i {
				t.Errorf("%s early: begun are %v", time.Until(r.next()), got)
			}
			<-time.After(time.Until(r.next()))
			r.mustFill()
			synctest.Wait()
			if got := r.gate.begun(); len(got) != i+1 || got[i] != want {
				t.Errorf("after %s: begun are %v, want %s as the last of %d", time.Since(start), got, want, i+1)
			}
		}
		if !r.next().IsZero() {
			t.Errorf("an attempt is due at %s, want none", r.next())
		}
		r.runAll(3)
		r.wantEmpty()
	})
}

// TestWhatIsUnderWayOfALostPartitionIsStranded drops a partition: nothing of it begins, and what its executions still
// say goes to whoever has it now.
func TestWhatIsUnderWayOfALostPartitionIsStranded(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 10, oneRoute("concurrency: 2"))
		r.ready(entries(names("lost", 5)...)...)
		r.ready(entry{id: "kept", partition: 1})
		r.owns(0)
		r.awaitBegun(2)
		r.drop(0)
		if r.running.len() != 0 || r.heldBytes != 0 {
			t.Errorf("after the drop %d are admitted, %d bytes held", r.running.len(), r.heldBytes)
		}
		r.drop(0) // again: nothing to do
		r.owns(1)
		r.runAll(1)
		for range 2 {
			if f := <-r.stranded; f.outcome.Kind != conversation.Answered || f.work.partition != 0 || f.call == nil {
				t.Errorf("stranded is %+v, want the answer to a call of partition 0", f)
			}
		}
		if got := r.gate.begun(); len(got) != 3 || got[2] != "kept" {
			t.Errorf("begun are %v, want two of the dropped partition, then kept", got)
		}
		synctest.Wait() // those of the dropped partition have ended, too
		r.wantEmpty()
	})
}

// TestWhatNobodyHasTakenIsStrandedAtTheEnd closes with an outcome in the mailbox.
func TestWhatNobodyHasTakenIsStrandedAtTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, oneRoute("concurrency: 2")).owns(0)
	r.gate.opened()
	r.releaseAll(r.ready(entries("c")...))
	fs := r.hear()
	r.mailbox.put(fs...)
	r.close()
	if f := <-r.stranded; f.work.key != keyOf("c") || f.outcome.Kind != conversation.Answered {
		t.Errorf("stranded is %+v, want the answer to c", f)
	}
}

func TestRegainedPartitionBeginsAgain(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 10, oneRoute("concurrency: 2"))
		r.ready(entries("c")...)
		r.owns(0)
		r.awaitBegun(1)
		r.drop(0)
		r.adopt(0, 8)
		r.mustFill()
		r.awaitBegun(2)
		r.runAll(1)
		if got := r.gate.requests; len(got) != 2 || got[0].Fence != 7 || got[1].Fence != 8 {
			t.Errorf("requests are %+v, want one with each fence", got)
		}
		synctest.Wait() // the one of the first tenure has ended, too
		r.wantEmpty()
	})
}

func TestRouteHasSoManyAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1000, oneRoute("concurrency: 7")).owns(0)
	r.releaseAll(r.ready(entries(names("c", 100)...)...))
	r.awaitBegun(7)
	if n := r.busy(); n != 7 {
		t.Errorf("%d are under way, want 7", n)
	}
	r.runAll(100)
	if n := r.gate.most["all"]; n != 7 {
		t.Errorf("%d ran at once, want 7", n)
	}
}

func TestFullRouteDoesNotSlowAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, rowsAndOthers).owns(0)
	r.releaseAll(r.ready(entry{id: "row0"}, entry{id: "row1"}, entry{id: "other", objectType: "Other"}))
	r.awaitBegun(2)
	if got := r.gate.begun(); !slices.Contains(got, "row0") || !slices.Contains(got, "other") {
		t.Errorf("begun are %v, want row0 and other", got)
	}
	r.runAll(3)
}

func TestRouteThatIsGoneEndsTheCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, rowsAndOthers)
	r.ready(entry{id: "c", objectType: "Gone"})
	r.owns(0)
	fs := r.hear()
	if len(fs) != 1 || fs[0].outcome.Kind != conversation.Failed || fs[0].outcome.Code != schemas.RouteNotFound || fs[0].route != nil || fs[0].call == nil {
		t.Errorf("heard %+v, want one call that Failed with RouteNotFound", fs)
	}
	r.turn(fs)
	r.wantEmpty()
	if got := r.gate.begun(); len(got) > 0 {
		t.Errorf("begun are %v, want none", got)
	}
}

// TestReplacedRoutesTakeWhatWaits replaces the table while calls wait: for a route with a new limit, and for one that is
// gone.
func TestReplacedRoutesTakeWhatWaits(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 100, rowsAndOthers).owns(0)
		var es []entry
		for i := range 5 {
			es = append(es, entry{id: fmt.Sprintf("row%d", i)}, entry{id: fmt.Sprintf("other%d", i), objectType: "Other"})
		}
		r.releaseAll(r.ready(es...))
		synctest.Wait()
		table, err := route.Parse([]byte(`routes:
- {name: rows, match: {objectType: Row}, executor: {type: http, url: "http://127.0.0.1:1"}, concurrency: 4}
- {name: rest, executor: {type: http, url: "http://127.0.0.1:1"}, concurrency: 4}`))
		if err != nil {
			t.Fatal(err)
		}
		r.cfg.Routes.Replace(table)
		for r.gate.atOnce("rows") < 4 || r.gate.atOnce("rest") < 4 {
			r.gate.open <- struct{}{} // ends one, of whichever route: its line looks again
			synctest.Wait()
		}
		r.gate.opened()
		synctest.Wait()
		r.turn(r.mailbox.take())
		r.wantEmpty()
		if n := r.gate.atOnce("others"); n != 1 {
			t.Errorf("on the route that is gone ran %d at once, want 1", n)
		}
	})
}

func TestStopLetsRunButNotBegin(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, rowsAndOthers).owns(0)
	releases := r.ready(entry{id: "running"}, entry{id: "waiting"}, entry{id: "released"}, entry{id: "other", objectType: "Other"})
	r.release(releases[0])
	r.release(releases[1])
	r.awaitBegun(1)
	r.stop()
	r.release(releases[2])
	r.release(releases[3]) // of a route that has had nothing to do so far
	if n := r.busy(); n != 1 {
		t.Errorf("%d are under way, want 1", n)
	}
	r.runAll(1)
	if got, want := r.gate.begun(), []string{"running"}; !slices.Equal(got, want) {
		t.Errorf("begun are %v, want %v", got, want)
	}
	r.resume()
	r.hearAll(3)
	r.wantEmpty()
}

func TestWithdrawnAttemptDoesNotBegin(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, oneRoute("concurrency: 1")).owns(0)
	r.releaseAll(r.ready(entries("running", "ended", "restored", "last")...))
	r.awaitBegun(1)
	for id, want := range map[string]bool{"running": false, "ended": true, "restored": true, "unknown": true} {
		if got := r.withdraw(keyOf(id)); got != want {
			t.Errorf("withdrawn %s: %t, want %t", id, got, want)
		}
	}
	r.restore(keyOf("restored"))
	r.restore(keyOf("running"))
	r.restore(keyOf("unknown"))
	r.ended(keyOf("ended"))
	r.runAll(3)
	if got, want := r.gate.begun(), []string{"running", "restored", "last"}; !slices.Equal(got, want) {
		t.Errorf("begun are %v, want %v", got, want)
	}
	r.wantEmpty()
}

// TestRetractedAttemptIsNotHeard releases early in turns that come to nothing.
func TestRetractedAttemptIsNotHeard(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, oneRoute("concurrency: 2")).owns(0)
	first := r.ready(entries("c")...)[0]
	first.call = entry{id: "c"}.call()
	if !r.early(first) {
		t.Fatal("the first was not taken early")
	}
	r.awaitBegun(1)
	one := r.running.of(first.key)
	second := first
	second.state.Turn.Attempt = 2
	if !r.early(second) {
		t.Fatal("the second was not taken early")
	}
	r.awaitBegun(2)
	r.retract(first.key)
	if r.running.of(first.key) != one {
		t.Error("after one retract the first does not stand again")
	}
	r.retract(first.key)
	r.retract(first.key) // there is none any more
	r.settle()
	if r.running.len() != 0 || r.heldBytes != 0 {
		t.Errorf("after the retracts %d are admitted, %d bytes held", r.running.len(), r.heldBytes)
	}
	r.gate.opened()
	for heard := 0; heard < 2; {
		for _, f := range r.hear() {
			heard++
			if r.heard(f) {
				t.Errorf("attempt %d is heard", f.work.attempt.Attempt)
			}
		}
	}
	r.release(first)
	r.hearAll(1)
	r.wantEmpty()
}

func TestEarlyAttemptStaysWhenItsTurnIsCommitted(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, oneRoute("concurrency: 1")).owns(0)
	releases := r.ready(entries("first", "second")...)
	for i := range releases {
		releases[i].call = entry{id: []string{"first", "second"}[i]}.call()
		if !r.early(releases[i]) {
			t.Fatalf("%q was not taken early", releases[i].key)
		}
	}
	r.settle()
	r.retract(releases[1].key) // it is committed
	r.runAll(2)
	r.wantEmpty()
	if got, want := r.gate.begun(), []string{"first", "second"}; !slices.Equal(got, want) {
		t.Errorf("begun are %v, want %v", got, want)
	}
}

// TestDeferredConversationTakesNoRoom has an executor defer: what waits for an answer is in the store alone.
func TestDeferredConversationTakesNoRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, oneRoute("concurrency: 1"))
	r.gate.answer = func(executor.Request) conversation.Outcome { return conversation.Outcome{Kind: conversation.Deferred} }
	r.ready(entries("a", "b", "c")...)
	r.owns(0)
	r.runAll(3)
	r.mustFill()
	r.wantEmpty()
	if got, want := r.gate.begun(), []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("begun are %v, want %v", got, want)
	}
}

// TestWhatIsWaitedForGoesFirst has memory and store full of what is of high priority, of its own account.
func TestWhatIsWaitedForGoesFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t, 4, oneRoute("concurrency: 1")).owns(0)
	var es []entry
	for _, id := range names("c", 10) {
		es = append(es, entry{id: id, priority: schemas.High})
	}
	r.releaseAll(r.ready(es...))
	r.awaitBegun(1)
	r.releaseAll(r.ready(entry{id: "waited for", priority: schemas.Foremost}))
	r.mustFill()
	r.runAll(11)
	if got, want := r.gate.begun(), append([]string{"c0", "waited for"}, names("c", 10)[1:]...); !slices.Equal(got, want) {
		t.Errorf("begun %v, want %v", got, want)
	}
	r.wantEmpty()
}
