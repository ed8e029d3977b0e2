package processor

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/token"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/store"
	"parley/schemas"
)

// TestMaintenancePausesAndComesBackOldestFirst pauses a route under load: what is under way ends, nothing begins; then
// the oldest begins first, whatever its priority, and more and more at once.
func TestMaintenancePausesAndComesBackOldestFirst(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 1_000, oneRoute("concurrency: 8")).owns(0)
		start := time.Now()
		var es []entry
		for i := range 40 {
			p := schemas.High
			if i < 10 {
				p = schemas.Low
			}
			es = append(es, entry{id: fmt.Sprintf("c%02d", i), priority: p, readyAt: start.Add(time.Duration(i) * time.Millisecond)})
		}
		r.releaseAll(r.ready(es[30:]...))
		synctest.Wait()
		r.paused.Store("all", true)
		r.gate.open <- struct{}{}
		synctest.Wait()
		if got := len(r.gate.begun()); got != 8 {
			t.Errorf("%d have begun, want the 8 of before the maintenance", got)
		}
		if load := r.metrics.states()[0]; !load.maintenance || load.places != 0 || load.Executing != 7 || load.Waiting != 2 {
			t.Errorf("load in maintenance: %+v", load)
		}
		r.releaseAll(r.ready(es[:30]...))
		for range 7 {
			r.gate.open <- struct{}{}
		}
		<-time.After(time.Minute)
		synctest.Wait()
		r.turn(r.mailbox.take())
		if got := len(r.gate.begun()); got != 8 {
			t.Errorf("%d have begun, want 8", got)
		}
		r.paused.Delete("all")
		<-time.After(time.Second)
		synctest.Wait()
		atOnce := []int{len(r.gate.begun()) - 8}
		for len(r.gate.begun()) < 40 {
			for range atOnce[len(atOnce)-1] { // a round
				r.gate.open <- struct{}{}
				synctest.Wait()
			}
			r.gate.mu.Lock()
			atOnce = append(atOnce, r.gate.running["all"])
			r.gate.mu.Unlock()
		}
		if want := []int{1, 2, 4, 8, 8}; !slices.Equal(atOnce[:5], want) {
			t.Errorf("at once were %v, want %v", atOnce, want)
		}
		if got, want := r.gate.begun()[8:18], []string{"c00", "c01", "c02", "c03", "c04", "c05", "c06", "c07", "c08", "c09"}; !slices.Equal(got[:7], want[:7]) {
			t.Errorf("after the maintenance began %v, want %v", got, want)
		}
		r.gate.opened()
		synctest.Wait()
		r.turn(r.mailbox.take())
		r.wantEmpty()
	})
}

// TestRouteThatIsDownDoesNotSlowAnother has one route fail for ever.
func TestRouteThatIsDownDoesNotSlowAnother(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 20, rowsAndOthers)
		r.gate.answer = func(req executor.Request) conversation.Outcome {
			if req.Call.Objects[0].Type == "Row" {
				return down(req)
			}
			return conversation.Outcome{Results: make([]conversation.ObjectOutcome, 1)}
		}
		r.gate.opened()
		var es []entry
		for i := range 200 {
			es = append(es, entry{id: fmt.Sprint("row", i)}, entry{id: fmt.Sprint("other", i), objectType: "Other"})
		}
		r.ready(es...)
		r.owns(0)
		start := time.Now()
		for others := 0; others < 200; {
			r.lives(time.Millisecond)
			others = 0
			for _, id := range r.gate.begun() {
				if id[0] == 'o' {
					others++
				}
			}
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("the other route took %s", d)
		}
	})
}

func TestRateIsLimited(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 1_000, oneRoute("concurrency: 100, rateLimit: 100"))
		r.gate.opened()
		r.ready(entries(names("c", 500)...)...)
		r.owns(0)
		for second := 1; second <= 4; second++ {
			r.lives(time.Second)
			if got := len(r.gate.begun()); got < 100*second-10 || got > 100*second+10 {
				t.Errorf("after %d s %d have begun, want about %d", second, got, 100*second)
			}
		}
	})
}

// TestBatchesGoOutFullOrInTime sends batches of three that wait for 50 ms.
func TestBatchesGoOutFullOrInTime(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		var b batcher
		r := newRigOn(t, s, 1_000, oneRoute("concurrency: 2, batch: {max: 3, linger: 50ms}"), func(cfg *Config, _ *dispatchOptions) {
			b.gate = newGate().opened()
			cfg.Executor = b
		}).owns(0)
		failed := func(req executor.Request) conversation.Outcome {
			if req.Call.GetOptions().GetConversationId() == "c1" {
				return conversation.Outcome{Kind: conversation.Failed, Code: schemas.CallFailed}
			}
			return conversation.Outcome{Results: make([]conversation.ObjectOutcome, 1)}
		}
		b.answer = failed
		r.releaseAll(r.ready(entries(names("c", 7)...)...))
		synctest.Wait()
		if want := []int{3, 3}; !slices.Equal(b.sizes(), want) {
			t.Errorf("at once went out %v, want %v", b.sizes(), want)
		}
		<-time.After(49 * time.Millisecond)
		synctest.Wait()
		if len(b.sizes()) != 2 {
			t.Errorf("before its time went out %v", b.sizes())
		}
		<-time.After(time.Millisecond)
		synctest.Wait()
		if want := []int{3, 3, 1}; !slices.Equal(b.sizes(), want) {
			t.Errorf("went out %v, want %v", b.sizes(), want)
		}
		fs := r.mailbox.take()
		for _, f := range fs {
			if want := failed(executor.Request{Call: f.call}).Kind; f.outcome.Kind != want || f.call.GetOptions().GetConversationId() != conversationOf(f) {
				t.Errorf("%q: %+v, want %v", f.work.key, f.outcome, want)
			}
		}
		if r.turn(fs); len(fs) != 7 {
			t.Errorf("%d outcomes, want 7", len(fs))
		}
		r.wantEmpty()
	})
}

// TestRouteWithBatchesIsTriedWithOneCall comes back from a maintenance.
func TestRouteWithBatchesIsTriedWithOneCall(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		var b batcher
		r := newRigOn(t, s, 1_000, oneRoute("concurrency: 2, batch: {max: 3, linger: 50ms}"), func(cfg *Config, _ *dispatchOptions) {
			b.gate = newGate().opened()
			cfg.Executor = b
		}).owns(0)
		r.paused.Store("all", true)
		r.releaseAll(r.ready(entries(names("c", 7)...)...))
		<-time.After(time.Second)
		r.paused.Delete("all")
		<-time.After(time.Second)
		synctest.Wait()
		if want := []int{1, 3, 3}; !slices.Equal(b.sizes(), want) {
			t.Errorf("went out %v, want %v", b.sizes(), want)
		}
		r.turn(r.mailbox.take())
		r.wantEmpty()
	})
}

// TestBatchTakesNoPlacesForOthers has calls wait behind a batch whose beginning is to be committed first.
func TestBatchTakesNoPlacesForOthers(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		var b batcher
		r := newRigOn(t, s, 1_000, oneRoute("concurrency: 2, batch: {max: 10, linger: 5ms}"), func(cfg *Config, _ *dispatchOptions) {
			b.gate = newGate()
			cfg.Executor = b
		}).owns(0)
		es := entries(names("c", 9)...)
		for i := range es[1:] {
			es[1+i].startBy = time.Now().Add(time.Hour)
		}
		r.releaseAll(r.ready(es...))
		for range es {
			<-time.After(10 * time.Millisecond)
			synctest.Wait()
			r.turn(r.mailbox.take())
			synctest.Wait()
			if got := r.busy(); got > 2 {
				t.Fatalf("%d requests are under way, want at most 2", got)
			}
			b.open <- struct{}{}
		}
		synctest.Wait()
		r.turn(r.mailbox.take())
		if got := b.sizes(); len(got) != 9 {
			t.Errorf("went out %v, want each by itself", got)
		}
		r.wantEmpty()
	})
}

func conversationOf(f finished) string {
	_, id, _ := f.work.key.Split()
	return id
}

const once = "delivery: at-most-once, concurrency: 2"

// TestAttemptThatMustNotBeRepeatedBeginsWhenItsIntentIsCommitted holds the place, and the token, from before the commit.
func TestAttemptThatMustNotBeRepeatedBeginsWhenItsIntentIsCommitted(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 10, oneRoute(once)).owns(0)
		r.releaseAll(r.ready(entries("a", "b", "c")...))
		synctest.Wait()
		fs := r.mailbox.take()
		if len(fs) != 2 || fs[0].kind != attemptBegins || len(r.gate.begun()) > 0 || r.busy() != 0 {
			t.Fatalf("heard %+v, begun are %v, want that two begin and none has", fs, r.gate.begun())
		}
		if want := time.Now().Add(10*time.Second + lostMargin); !fs[0].lostAt.Equal(want) {
			t.Errorf("lost at %s, want %s", fs[0].lostAt, want)
		}
		if !r.withdraw(keyOf("a")) {
			t.Error("an attempt that holds its place has begun")
		}
		r.restore(keyOf("a"))
		r.turn(fs)
		synctest.Wait()
		if got := r.gate.begun(); len(got) != 2 || r.withdraw(keyOf("a")) {
			t.Errorf("begun are %v, want a and b", got)
		}
		if st, err := r.store.Conversation(0, keyOf("a")); err != nil || !st.Turn.LostAt.Equal(fs[0].lostAt) {
			t.Errorf("committed is %+v, %v, want lost at %s", st.Turn, err, fs[0].lostAt)
		}
		r.gate.opened()
		r.hearAll(2 + 1 + 1)
		r.wantEmpty()
	})
}

// TestHeldPlaceIsFreedWhenTheConversationEnds has conversations end, and be released anew, that hold a place.
func TestHeldPlaceIsFreedWhenTheConversationEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, oneRoute(once)).owns(0)
	releases := r.ready(entries("a", "b", "c", "d")...)
	r.releaseAll(releases[:2])
	begins := r.hear()
	r.ended(keyOf("a"))
	for _, f := range begins {
		if got, want := r.heard(f), f.work.key != keyOf("a"); got != want {
			t.Errorf("that %q begins is heard: %t, want %t", f.work.key, got, want)
		}
	}
	r.release(releases[2])
	if fs := r.hear(); len(fs) != 1 || fs[0].work.key != keyOf("c") {
		t.Errorf("heard %+v, want that c begins in a's place", fs)
	}
	r.release(releases[1])
	if fs := r.hear(); len(fs) != 1 || fs[0].work.key != keyOf("b") || fs[0].work != r.running.of(keyOf("b")) {
		t.Errorf("heard %+v, want that the new attempt at b begins", fs)
	}
	r.drop(0)
	r.adopt(1, 1)
	r.mustFill()
	r.releaseAll(r.ready(entry{id: "e", partition: 1}, entry{id: "f", partition: 1}))
	for heard := 0; heard < 2; {
		heard += len(r.hear())
	}
}

// TestCrashBetweenIntentAndOutcome adopts what a former owner had begun: it is lost when its time has come, not before,
// and never begun again.
func TestCrashBetweenIntentAndOutcome(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 10, oneRoute(once))
		lostAt := time.Now().Add(20 * time.Second)
		r.ready(entry{id: "begun", lostAt: lostAt}, entry{id: "waiting"})
		r.owns(0)
		r.gate.opened()
		r.lives(19 * time.Second)
		if got, want := r.gate.begun(), []string{"waiting"}; !slices.Equal(got, want) {
			t.Errorf("begun are %v, want %v", got, want)
		}
		if st, err := r.store.Conversation(0, keyOf("begun")); err != nil || st.Phase != conversation.Processing {
			t.Errorf("before its time the conversation is %s, %v", st.Phase, err)
		}
		r.lives(2 * time.Second)
		if st, err := r.store.Conversation(0, keyOf("begun")); err != nil || st.Phase != conversation.Ended {
			t.Errorf("after its time the conversation is %s, %v, want Ended", st.Phase, err)
		}
		r.wantEmpty()
	})
}

// TestCommitThatTakesTooLongBeginsNothing commits the intent when a new owner could soon declare the attempt lost.
func TestCommitThatTakesTooLongBeginsNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 10, oneRoute(once)).owns(0)
		r.releaseAll(r.ready(entries("a")...))
		synctest.Wait()
		fs := r.mailbox.take()
		<-time.After(lostMargin + time.Millisecond)
		r.turn(fs)
		synctest.Wait()
		fs = r.mailbox.take()
		if len(fs) != 1 || fs[0].outcome.Kind != conversation.Transient || !fs[0].outcome.Unsent || len(r.gate.begun()) > 0 {
			t.Errorf("heard %+v, begun are %v, want that it was not sent", fs, r.gate.begun())
		}
		r.turn(fs)
		r.gate.opened()
		r.lives(2 * time.Second)
		if got := len(r.gate.begun()); got != 1 {
			t.Errorf("it began %d times, want once", got)
		}
		r.wantEmpty()
	})
}

// TestStopGivesHeldPlacesBack stops between the place and the commit.
func TestStopGivesHeldPlacesBack(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 10, oneRoute(once)).owns(0)
		r.gate.opened()
		r.releaseAll(r.ready(entries("a", "b", "c")...))
		synctest.Wait()
		r.stop()
		r.turn(r.mailbox.take())
		r.lives(time.Second)
		if got := r.gate.begun(); len(got) > 0 || r.busy() > 0 {
			t.Errorf("begun are %v while nothing may", got)
		}
		r.resume()
		r.lives(time.Second)
		if got := r.gate.begun(); len(got) != 3 {
			t.Errorf("begun are %v, want all three", got)
		}
		r.wantEmpty()
	})
}

// TestKafkaRequestsAreHandedToTheLoop makes records, as many as there are places until the loop has taken them.
func TestKafkaRequestsAreHandedToTheLoop(t *testing.T) {
	t.Parallel()
	const routes = `routes:
- {name: rows, match: {objectType: Row}, executor: {type: kafka, topic: rows}, concurrency: 1}
- {name: others, executor: {type: kafka, topic: others, replyTopic: replies}, concurrency: 1, deferTimeout: 1h}`
	signer, err := token.NewSigner([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, 10, routes, func(cfg *Config, _ *dispatchOptions) { cfg.Tokens = signer }).owns(0)
	r.releaseAll(r.ready(entry{id: "a"}, entry{id: "b"}, entry{id: "c", objectType: "Other"}))
	var fs []finished
	for len(fs) < 2 {
		fs = append(fs, r.hear()...)
	}
	if fs[0].route == fs[1].route {
		t.Errorf("two requests of one route wait to be written, want one for each place")
	}
	for _, f := range slices.Clone(fs) {
		for range 2 { // it comes again when the turn was aborted
			if !r.heard(f) {
				t.Errorf("%q is not heard", f.work.key)
			}
		}
	}
	for len(fs) < 3 {
		fs = append(fs, r.hear()...)
	}
	for _, f := range fs {
		topic, kind := "rows", conversation.Answered
		if f.work.key == keyOf("c") {
			topic, kind = "others", conversation.Deferred
		}
		if f.record == nil || f.record.Topic != topic || f.outcome.Kind != kind || f.route == nil {
			t.Errorf("%q: record %+v, outcome %+v, want one for %s and %v", f.work.key, f.record, f.outcome, topic, kind)
		}
	}
	r.drop(0)
	for _, f := range fs {
		if r.heard(f) {
			t.Error("a record of a partition that was lost is heard")
		}
	}
	if len(r.stranded) > 0 {
		t.Error("a record that was not written is said to be an answer")
	}
}

// TestTokensNameTheCall reads the token of a request.
func TestTokensNameTheCall(t *testing.T) {
	t.Parallel()
	signer, err := token.NewSigner([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, 10, oneRoute("deferTimeout: 1h"), func(cfg *Config, _ *dispatchOptions) { cfg.Tokens = signer }).owns(3)
	r.releaseAll(r.ready(entry{id: "c", partition: 3}))
	r.awaitBegun(1)
	got, err := signer.Verify(r.gate.requests[0].Token, time.Now())
	if err != nil || got.Partition != 3 || got.RequestID != requestID(entry{id: "c"}.call()) || time.Until(got.Expires) < 59*time.Minute {
		t.Errorf("token %+v, %v, want one of the call for an hour", got, err)
	}
	r.runAll(1)
}
