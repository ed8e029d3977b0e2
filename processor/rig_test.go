package processor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/internal/testkit"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// gate is an executor whose attempts wait until they are let through, or are cancelled.
type gate struct {
	open chan struct{} // receives once per attempt that is let through; closed: all are
	// answer says what comes of an attempt that was let through; nil: all is well.
	answer func(executor.Request) conversation.Outcome

	mu       sync.Mutex
	began    []string
	requests []executor.Request
	batches  []int          // how many calls each batch had
	running  map[string]int // per route
	most     map[string]int // the most that ran at once, per route
	moved    chan struct{}  // has something to receive after an attempt began
}

func newGate() *gate {
	return &gate{open: make(chan struct{}), running: make(map[string]int), most: make(map[string]int), moved: make(chan struct{}, 1)}
}

// opened lets everything through.
func (g *gate) opened() *gate {
	close(g.open)
	return g
}

func (g *gate) Execute(ctx context.Context, r *route.Route, req executor.Request) conversation.Outcome {
	g.begin(r.Name, req)
	defer g.count(r.Name, -1)
	select {
	case <-g.open:
	case <-ctx.Done():
		return conversation.Outcome{Kind: conversation.Transient}
	}
	if g.answer != nil {
		return g.answer(req)
	}
	return conversation.Outcome{Results: make([]conversation.ObjectOutcome, len(req.Call.Objects))}
}

func (g *gate) begin(route string, req executor.Request) {
	g.count(route, 1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.began = append(g.began, req.Call.GetOptions().GetConversationId())
	g.requests = append(g.requests, req)
	select {
	case g.moved <- struct{}{}:
	default:
	}
}

func (g *gate) count(route string, by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running[route] += by
	g.most[route] = max(g.most[route], g.running[route])
}

// atOnce is how many have run at once on a route, at the most.
func (g *gate) atOnce(route string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most[route]
}

func (g *gate) begun() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.began)
}

// batcher is a gate that takes batches.
type batcher struct{ *gate }

// sizes are those of the batches that went out.
func (b batcher) sizes() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.batches)
}

func (b batcher) ExecuteBatch(ctx context.Context, r *route.Route, reqs []executor.Request) []conversation.Outcome {
	b.mu.Lock()
	b.batches = append(b.batches, len(reqs))
	b.mu.Unlock()
	var out []conversation.Outcome
	for _, req := range reqs {
		out = append(out, b.Execute(ctx, r, req))
	}
	return out
}

// rig is a dispatcher with a store and an executor, and a test in the place of the loop.
type rig struct {
	*dispatcher
	t    testing.TB
	gate *gate
	// paused are the routes in maintenance.
	paused sync.Map
	// stranded is what was heard of partitions that were lost.
	stranded chan finished
	offset   int64
}

func newRig(t testing.TB, admittedMax int, routes string, adjust ...func(*Config, *dispatchOptions)) *rig {
	t.Helper()
	return newRigOn(t, newStore(t), admittedMax, routes, adjust...)
}

// bubble runs a test in a bubble of synctest. The store is not part of it: its pools are shared with other tests, so it
// must not begin to write a table inside. Its memory starts small and doubles whenever it is full; here it has grown
// before.
func bubble(t *testing.T, f func(*testing.T, *store.Store)) {
	t.Helper()
	s := newStore(t)
	for size := 300 << 10; size < 16<<20; size *= 2 {
		tx := s.Begin(schemas.PartitionsMax-1, store.Meta{})
		tx.PutPart("grow", 1, store.Part{Call: make([]byte, size)})
		if _, err := tx.Changes(); err != nil {
			t.Fatal(err)
		}
		if err := tx.Apply(store.Applied{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) { f(t, s) })
}

// newStore returns an empty store.
func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: "store", FS: vfs.NewMem(), MemTableBytes: 128 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newRigOn(t testing.TB, s *store.Store, admittedMax int, routes string, adjust ...func(*Config, *dispatchOptions)) *rig {
	t.Helper()
	table, err := route.Parse([]byte(routes))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, gate: newGate(), stranded: make(chan finished, 1_000)}
	cfg := &Config{Routes: route.NewCurrent(table), Executor: r.gate, AdmittedMax: admittedMax, Paused: r.isPaused}
	o := dispatchOptions{lost: func(f finished) { r.stranded <- f }}
	for _, f := range adjust {
		f(cfg, &o)
	}
	*cfg = cfg.withDefaults()
	r.dispatcher = newDispatcher(cfg, s, new(mailbox), o)
	t.Cleanup(r.close)
	return r
}

func (r *rig) isPaused(route string) bool {
	_, ok := r.paused.Load(route)
	return ok
}

// oneRoute takes everything; members are more of its members, as "concurrency: 1".
func oneRoute(members string) string {
	return fmt.Sprintf("routes: [{name: all, executor: {type: http, url: 'http://127.0.0.1:1'}, %s}]", members)
}

// rowsAndOthers takes what is about rows, one at a time, by one route and the rest by another.
const rowsAndOthers = `routes:
- {name: rows, match: {objectType: Row}, executor: {type: http, url: "http://127.0.0.1:1"}, concurrency: 1}
- {name: others, match: {objectType: Other}, executor: {type: http, url: "http://127.0.0.1:1"}, concurrency: 1}`

// entry is a conversation of one that becomes ready. The zero fields have defaults.
type entry struct {
	id         string
	account    string // acme
	objectType string // Row
	partition  int32
	priority   schemas.Priority
	readyAt    time.Time // now
	notBefore  time.Time
	startBy    time.Time
	lostAt     time.Time
	bare       bool // it has no payload: it will not begin
}

// entries are conversations with ids and nothing else of their own.
func entries(ids ...string) []entry {
	var out []entry
	for _, id := range ids {
		out = append(out, entry{id: id})
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

func (e entry) call() *parleyv1.Call {
	return &parleyv1.Call{
		Account:   cmp.Or(e.account, "acme"),
		RequestId: schemas.LogRequestID(e.id, 0, 0).String(),
		Method:    "Create",
		Objects:   []*parleyv1.Object{{Type: cmp.Or(e.objectType, "Row")}},
		Options:   &parleyv1.Options{ConversationId: &e.id},
	}
}

func (e entry) key() schemas.ConversationKey {
	return schemas.NewConversationKey(cmp.Or(e.account, "acme"), e.id, schemas.RequestID{})
}

func keyOf(id string) schemas.ConversationKey { return entry{id: id}.key() }

// ready puts conversations into the committed state, one offset after the other.
func (r *rig) ready(es ...entry) []release {
	r.t.Helper()
	var out []release
	byPartition := make(map[int32]*store.Tx)
	for _, e := range es {
		tx, ok := byPartition[e.partition]
		if !ok {
			tx = r.store.Begin(e.partition, store.Meta{})
			byPartition[e.partition] = tx
		}
		out = append(out, r.put(tx, e))
	}
	for _, tx := range byPartition {
		r.apply(tx)
	}
	return out
}

func (r *rig) put(tx *store.Tx, e entry) release {
	call, key := e.call(), e.key()
	if _, err := tx.Conversation(key); err != nil {
		r.t.Fatal(err)
	}
	r.offset++
	s := conversation.State{
		Phase:    conversation.Processing,
		Calls:    1,
		Received: conversation.All(1),
		Priority: e.priority,
		Ready:    r.offset,
		ReadyAt:  e.readyAt,
		StartBy:  e.startBy,
		Turn:     conversation.Turn{SequenceCode: 1, Attempt: 1, NotBefore: e.notBefore, LostAt: e.lostAt},
	}
	if s.ReadyAt.IsZero() {
		s.ReadyAt = time.Now().Truncate(time.Millisecond) // the log and the store know no less
	}
	if by, problem := r.cfg.Routes.ForCall(call); problem == nil {
		s.Turn.Route = by.Name
	}
	tx.SetConversation(key, s)
	if !e.bare {
		raw, err := proto.Marshal(call)
		if err != nil {
			r.t.Fatal(err)
		}
		tx.PutPart(key, 1, store.Part{Call: raw, RequestID: requestID(call), Content: 1})
	}
	return release{partition: e.partition, key: key, state: s}
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

// owns adopts partitions.
func (r *rig) owns(partitions ...int32) *rig {
	r.t.Helper()
	for _, p := range partitions {
		r.adopt(p, 7)
	}
	r.mustFill()
	return r
}

func (r *rig) releaseAll(rs []release) {
	for _, rel := range rs {
		r.release(rel)
	}
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
	ctx, cancel := context.WithTimeout(r.t.Context(), testkit.Patience)
	defer cancel()
	r.mailbox.await(ctx)
	if ctx.Err() != nil {
		r.t.Fatalf("no outcome; begun are %v, %d are admitted", r.gate.begun(), r.running.len())
	}
	return r.mailbox.take()
}

// turn does what the loop does with what it hears: it has the core decide, commits, and performs the effects.
func (r *rig) turn(fs []finished) {
	r.t.Helper()
	for _, f := range fs {
		if r.heard(f) {
			r.step(f)
		}
	}
	r.settle()
	r.mustFill()
}

func (r *rig) step(f finished) {
	r.t.Helper()
	key := f.work.key
	tx := r.store.Begin(f.work.partition, store.Meta{})
	s, err := tx.Conversation(key)
	if err != nil {
		r.t.Fatal(err)
	}
	s, effects, err := conversation.Rules{PartTimeout: time.Minute}.Step(s, inputOf(f))
	if err != nil {
		r.t.Fatal(err)
	}
	tx.SetConversation(key, s)
	for _, e := range effects {
		if _, ok := e.(conversation.EndConversation); ok {
			if err := tx.EndConversation(key); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	r.apply(tx)
	for _, e := range effects {
		switch e.(type) {
		case conversation.Execute:
			r.release(release{partition: f.work.partition, key: key, state: s})
		case conversation.Begin:
			r.begin(key)
		case conversation.EndConversation:
			r.ended(key)
		}
	}
}

func inputOf(f finished) conversation.Input {
	a := f.work.attempt
	switch f.kind {
	case attemptBegins:
		return conversation.AttemptBegun{SequenceCode: a.SequenceCode, Attempt: a.Attempt, At: f.at, LostAt: f.lostAt}
	case attemptLost:
		return conversation.AttemptLost{SequenceCode: a.SequenceCode, Attempt: a.Attempt, At: f.at}
	}
	in := conversation.OutcomeReceived{SequenceCode: a.SequenceCode, Attempt: a.Attempt, StartedAt: f.startedAt, At: f.at, Outcome: f.outcome}
	if f.route != nil {
		in.Retry = conversation.Retry{Initial: f.route.Retry.Initial, Max: f.route.Retry.Max}
		in.AnswerBy = f.at.Add(f.route.DeferTimeout)
	}
	return in
}

// awaitBegun returns when so many attempts have begun.
func (r *rig) awaitBegun(n int) {
	r.t.Helper()
	late := time.NewTimer(testkit.Patience)
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
	r.gate.opened()
	r.hearAll(n)
}

func (r *rig) hearAll(n int) {
	r.t.Helper()
	for heard := 0; heard < n; {
		fs := r.hear()
		heard += len(fs)
		r.turn(fs)
	}
}
