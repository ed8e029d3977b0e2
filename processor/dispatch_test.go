package processor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// gate is an executor whose attempts wait until they are let through, or are cancelled.
type gate struct {
	open chan struct{} // receives once per attempt that is let through; closed: all are

	mu      sync.Mutex
	began   []string
	running map[string]int // per route
	most    map[string]int // the most that ran at once, per route
	moved   chan struct{}  // has something to receive after an attempt began
}

func newGate() *gate {
	return &gate{open: make(chan struct{}), running: make(map[string]int), most: make(map[string]int), moved: make(chan struct{}, 1)}
}

func (g *gate) Execute(ctx context.Context, r *route.Route, req executor.Request) conversation.Outcome {
	g.count(r.Name, 1, req.Call.GetOptions().GetConversationId())
	defer g.count(r.Name, -1)
	select {
	case <-g.open:
		return conversation.Outcome{Results: make([]conversation.ObjectOutcome, len(req.Call.Objects))}
	case <-ctx.Done():
		return conversation.Outcome{Kind: conversation.Transient}
	}
}

func (g *gate) count(route string, by int, began ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running[route] += by
	g.most[route] = max(g.most[route], g.running[route])
	g.began = append(g.began, began...)
	select {
	case g.moved <- struct{}{}:
	default:
	}
}

func (g *gate) begun() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.began)
}

// rig is a dispatcher with a store and an executor, and a test in the place of the loop.
type rig struct {
	*dispatcher
	t    *testing.T
	gate *gate
}

func newRig(t *testing.T, admittedMax int, routes string) *rig {
	t.Helper()
	table, err := route.Parse([]byte(routes))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Config{Dir: "store", FS: vfs.NewMem(), MemTableBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	g := newGate()
	cfg := Config{Routes: route.NewCurrent(table), Executor: g, AdmittedMax: admittedMax}.withDefaults()
	r := &rig{dispatcher: newDispatcher(&cfg, s, new(mailbox)), t: t, gate: g}
	t.Cleanup(func() {
		r.close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// oneRoute takes everything, so many at once.
func oneRoute(concurrency int) string {
	return fmt.Sprintf("routes: [{name: all, executor: {type: http, url: 'http://127.0.0.1:1'}, concurrency: %d}]", concurrency)
}

// rowsAndOthers takes what is about rows, one at a time, by one route and the rest by another.
const rowsAndOthers = `routes:
- {name: rows, match: {objectType: Row}, executor: {type: http, url: "http://127.0.0.1:1"}, concurrency: 1}
- {name: others, match: {objectType: Other}, executor: {type: http, url: "http://127.0.0.1:1"}, concurrency: 1}`

// callOf is the call of a conversation of one.
func callOf(id, objectType string) *parleyv1.Call {
	return &parleyv1.Call{
		Account:   "acme",
		RequestId: schemas.LogRequestID(id, 0, 0).String(),
		Method:    "Create",
		Objects:   []*parleyv1.Object{{Type: objectType}},
		Options:   &parleyv1.Options{ConversationId: &id},
	}
}

func keyOf(id string) schemas.ConversationKey {
	return schemas.NewConversationKey("acme", id, schemas.RequestID{})
}

// ready puts conversations of one into the queue of a partition, one offset after the other.
func (r *rig) ready(partition int32, from int64, calls ...*parleyv1.Call) []release {
	r.t.Helper()
	tx := r.store.Begin(partition, store.Meta{})
	var out []release
	for i, call := range calls {
		key := keyOf(call.GetOptions().GetConversationId())
		raw, err := proto.Marshal(call)
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := tx.Conversation(key); err != nil {
			r.t.Fatal(err)
		}
		s := conversation.State{Phase: conversation.Processing, Calls: 1, Received: conversation.Parts{1}, Ready: from + int64(i), Turn: 1, Attempt: 1}
		tx.SetConversation(key, s)
		if err := tx.PutPart(key, 1, store.Part{Call: raw, RequestID: requestID(call), Content: 1}); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, release{partition: partition, key: key, ready: s.Ready, attempt: conversation.Execute{SequenceCode: 1, Attempt: 1}})
	}
	r.apply(tx)
	return out
}

func (r *rig) apply(tx *store.Tx) {
	r.t.Helper()
	if _, err := tx.Changes(); err != nil {
		r.t.Fatal(err)
	}
	if err := tx.Apply(store.Applied{}, nil); err != nil {
		r.t.Fatal(err)
	}
}

// calls are calls of conversations with the ids given.
func callsOf(ids ...string) []*parleyv1.Call {
	var out []*parleyv1.Call
	for _, id := range ids {
		out = append(out, callOf(id, "Row"))
	}
	return out
}

func names(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return out
}

func (r *rig) mustFill() {
	r.t.Helper()
	if err := r.fill(); err != nil {
		r.t.Fatal(err)
	}
}

// hear waits for what executions have to say.
func (r *rig) hear() []finished {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	said, stop := r.mailbox.wait(ctx)
	defer stop()
	<-said.Done()
	if ctx.Err() != nil {
		r.t.Fatalf("no outcome; begun are %v, %d are admitted", r.gate.begun(), len(r.admitted))
	}
	return r.mailbox.take()
}

// finish does what a committed turn does after the outcomes of conversations of one: they have ended.
func (r *rig) finish(fs []finished) {
	r.t.Helper()
	for _, f := range fs {
		if !r.heard(f) {
			continue
		}
		tx := r.store.Begin(f.work.partition, store.Meta{})
		s, err := tx.Conversation(f.work.key)
		if err != nil {
			r.t.Fatal(err)
		}
		s.Phase, s.End = conversation.Ended, schemas.ConversationComplete
		tx.SetConversation(f.work.key, s)
		if err := tx.EndConversation(f.work.key); err != nil {
			r.t.Fatal(err)
		}
		r.apply(tx)
		r.ended(f.work.key)
	}
}

// awaitBegun returns when so many attempts have begun.
func (r *rig) awaitBegun(n int) {
	r.t.Helper()
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	for len(r.gate.begun()) < n {
		select {
		case <-r.gate.moved:
		case <-late.C:
			r.t.Fatalf("begun are %v, want %d", r.gate.begun(), n)
		}
	}
}

// runAll lets everything through until n attempts have been heard of.
func (r *rig) runAll(n int) {
	r.t.Helper()
	close(r.gate.open)
	for heard := 0; heard < n; {
		fs := r.hear()
		heard += len(fs)
		r.finish(fs)
		r.mustFill()
		if len(r.admitted) > r.cfg.AdmittedMax {
			r.t.Errorf("%d conversations are admitted, at most %d may be", len(r.admitted), r.cfg.AdmittedMax)
		}
	}
}

func TestQueueRunsInOrderThroughASmallMemory(t *testing.T) {
	t.Parallel()
	for _, admittedMax := range []int{1, 2, 3, 7} {
		t.Run(fmt.Sprintf("admittedMax=%d", admittedMax), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, admittedMax, oneRoute(1))
			want := names("c", 30)
			r.ready(0, 0, callsOf(want...)...)
			r.adopt(0)
			r.mustFill()
			r.runAll(len(want))
			if got := r.gate.begun(); !slices.Equal(got, want) {
				t.Errorf("begun %v, want %v", got, want)
			}
			if len(r.backlog) > 0 || len(r.admitted) > 0 || r.heldBytes != 0 {
				t.Errorf("at the end: backlog %v, %d admitted, %d bytes held, want nothing", r.backlog, len(r.admitted), r.heldBytes)
			}
		})
	}
}

// TestReleaseBeyondTheBoundIsNotLost releases while the memory is full: the conversations wait in the store, wherever
// their place in the queue is.
func TestReleaseBeyondTheBoundIsNotLost(t *testing.T) {
	t.Parallel()
	for _, from := range []int64{0, 1, 1000} {
		t.Run(fmt.Sprintf("from=%d", from), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1, oneRoute(1))
			r.adopt(0)
			r.adopt(1)
			r.mustFill()
			for _, rel := range append(r.ready(0, 7, callsOf("first")...), r.ready(1, from, callsOf(names("c", 5)...)...)...) {
				r.release(rel)
			}
			if len(r.admitted) != 1 {
				t.Errorf("%d are admitted, want 1", len(r.admitted))
			}
			r.runAll(6)
			if got, want := r.gate.begun(), append([]string{"first"}, names("c", 5)...); !slices.Equal(got, want) {
				t.Errorf("begun %v, want %v", got, want)
			}
		})
	}
}

func TestPayloadsInMemoryAreBounded(t *testing.T) {
	t.Parallel()
	const n = heldBytesMax>>20 + 5
	r := newRig(t, n, oneRoute(1))
	r.adopt(0)
	r.mustFill()
	properties := []byte(`{"x":"` + strings.Repeat("x", 1<<20) + `"}`) // shared by all: the test's own memory is small
	var last []*parleyv1.Call
	for i, id := range names("c", n) {
		call := callOf(id, "Row")
		call.Objects[0].Properties = properties
		if i > n-10 {
			last = append(last, call)
		}
		r.release(release{partition: 0, key: keyOf(id), ready: int64(i), attempt: conversation.Execute{SequenceCode: 1, Attempt: 1}, call: call})
	}
	held := 0
	for _, w := range r.admitted {
		if w.call != nil {
			held += proto.Size(w.call)
		}
	}
	if held > heldBytesMax || held < heldBytesMax-2<<20 || held != r.heldBytes {
		t.Errorf("%d bytes are in memory and %d are counted, want about %d", held, r.heldBytes, heldBytesMax)
	}
	r.ready(0, n, last...) // those that were let go of are read from the store
	close(r.gate.open)
	for heard := 0; heard < n; {
		for _, f := range r.hear() {
			heard++
			if r.heard(f); f.outcome.Kind != conversation.Answered {
				t.Errorf("%q: outcome %+v", f.work.key, f.outcome)
			}
		}
	}
	if r.heldBytes != 0 {
		t.Errorf("%d bytes are held at the end", r.heldBytes)
	}
}

func TestDelayedAttemptsBeginInTheirTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 10, oneRoute(10))
		for p := range int32(2) {
			r.adopt(p)
		}
		r.mustFill()
		start := time.Now()
		delay := map[string]time.Duration{"c0": 3 * time.Second, "c1": time.Second, "c2": 2 * time.Second, "dropped": time.Second}
		releases := append(r.ready(0, 0, callsOf("c0", "c1", "c2")...), r.ready(1, 0, callsOf("dropped")...)...)
		for _, rel := range releases {
			_, id, _ := rel.key.Split()
			rel.attempt.NotBefore = start.Add(delay[id])
			r.release(rel)
		}
		r.drop(1)
		for i, want := range []string{"c1", "c2", "c0"} {
			r.mustFill()
			synctest.Wait()
			if got := r.gate.begun(); len(got) != i {
				t.Errorf("%s early: begun are %v", time.Until(r.next()), got)
			}
			<-time.After(time.Until(start.Add(time.Duration(i+1) * time.Second)))
			r.mustFill()
			synctest.Wait()
			if got := r.gate.begun(); len(got) != i+1 || got[i] != want {
				t.Errorf("after %s: begun are %v, want %s as the last of %d", time.Since(start), got, want, i+1)
			}
		}
		if !r.next().IsZero() {
			t.Errorf("an attempt is due at %s, want none", r.next())
		}
		close(r.gate.open)
		synctest.Wait()
	})
}

func TestDroppedPartitionIsNotHeard(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, oneRoute(2))
	r.ready(0, 0, callsOf(names("lost", 5)...)...)
	r.ready(1, 0, callsOf("kept")...)
	r.adopt(0)
	r.mustFill()
	r.awaitBegun(2)
	r.drop(0)
	if len(r.admitted) != 0 || r.heldBytes != 0 {
		t.Errorf("after the drop %d are admitted, %d bytes held", len(r.admitted), r.heldBytes)
	}
	for heard := 0; heard < 2; {
		for _, f := range r.hear() {
			heard++
			if f.outcome.Kind != conversation.Transient || r.heard(f) {
				t.Errorf("%q: outcome %+v is heard, want it cancelled and not heard", f.work.key, f.outcome)
			}
		}
	}
	r.drop(0) // again: nothing to do
	r.adopt(1)
	r.mustFill()
	r.runAll(1)
	if got := r.gate.begun(); len(got) != 3 || got[2] != "kept" {
		t.Errorf("begun are %v, want two of the dropped partition, then kept", got)
	}
}

func TestRegainedPartitionBeginsAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, oneRoute(2))
	r.ready(0, 0, callsOf("c")...)
	r.adopt(0)
	r.mustFill()
	r.awaitBegun(1)
	r.drop(0)
	r.adopt(0)
	r.mustFill()
	r.awaitBegun(2)
	r.runAll(2)
	if got, want := r.gate.begun(), []string{"c", "c"}; !slices.Equal(got, want) || len(r.admitted) > 0 {
		t.Errorf("begun are %v, %d admitted, want %v and none", got, len(r.admitted), want)
	}
}

func TestRouteHasSoManyAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1000, oneRoute(7))
	r.adopt(0)
	r.mustFill()
	for _, rel := range r.ready(0, 0, callsOf(names("c", 100)...)...) {
		r.release(rel)
	}
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
	r := newRig(t, 10, rowsAndOthers)
	r.adopt(0)
	r.mustFill()
	for _, rel := range r.ready(0, 0, callOf("row0", "Row"), callOf("row1", "Row"), callOf("other", "Other")) {
		r.release(rel)
	}
	r.awaitBegun(2)
	if got := r.gate.begun(); !slices.Contains(got, "row0") || !slices.Contains(got, "other") {
		t.Errorf("begun are %v, want row0 and other", got)
	}
	r.runAll(3)
}

func TestRouteThatIsGoneEndsTheCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, rowsAndOthers)
	r.ready(0, 0, callOf("c", "Gone"))
	r.adopt(0)
	r.mustFill()
	fs := r.hear()
	if len(fs) != 1 || fs[0].outcome.Kind != conversation.Failed || fs[0].outcome.Code != schemas.RouteNotFound || fs[0].route != nil || fs[0].call == nil {
		t.Errorf("heard %+v, want one call that Failed with RouteNotFound", fs)
	}
	r.finish(fs)
	if got := r.gate.begun(); len(got) > 0 || len(r.admitted) > 0 {
		t.Errorf("begun are %v, %d admitted, want none", got, len(r.admitted))
	}
}

func TestStopLetsRunButNotBegin(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, rowsAndOthers)
	r.adopt(0)
	r.mustFill()
	releases := r.ready(0, 0, callOf("running", "Row"), callOf("waiting", "Row"), callOf("released", "Row"), callOf("other", "Other"))
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
	r.close()
	if got, want := r.gate.begun(), []string{"running"}; !slices.Equal(got, want) {
		t.Errorf("begun are %v, want %v", got, want)
	}
}
