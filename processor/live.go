package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/processor/store"
	"parley/schemas"
)

// live answers polls from the committed state of the partitions that this process owns. The loop tells it what it
// owns and how far it has read; pollers ask from goroutines of their own.
type live struct {
	cfg *Config

	mu    sync.RWMutex // held for reading while the store is read
	store *store.Store // nil: not open
	run   *liveRun     // nil: the loop does not run

	watchers watchers
}

// liveRun is what live knows of one run of the loop.
type liveRun struct {
	admin   *kadm.Client
	running *running
	stop    context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex
	owned map[int32]*progress
	sunk  map[int32]int64 // per partition of the results: what the sink has committed
}

// progress is how far a partition has been applied.
type progress struct {
	next  int64
	moved chan struct{} // closed when next moves or the partition is lost; nil: nobody waits
}

func newLive(cfg *Config) *live { return &live{cfg: cfg, watchers: newWatchers()} }

func (l *live) open(s *store.Store) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store = s
}

// close returns when no poller reads the store any more.
func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store = nil
}

// begin starts answering from a run of the loop; end stops it.
func (l *live) begin(client *kgo.Client, running *running) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &liveRun{
		admin:   kadm.NewClient(client),
		running: running,
		stop:    cancel,
		done:    make(chan struct{}),
		owned:   make(map[int32]*progress),
		sunk:    make(map[int32]int64),
	}
	l.mu.Lock()
	l.run = r
	l.mu.Unlock()
	go func() {
		defer close(r.done)
		r.followSink(ctx, l.cfg)
	}()
}

func (l *live) end() {
	l.mu.Lock()
	r := l.run
	l.run = nil
	l.mu.Unlock()
	r.stop()
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.owned {
		r.dropLocked(id)
	}
}

func (l *live) adopt(p *partition) {
	r := l.run
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owned[p.id] = &progress{next: p.meta.NextOffset}
}

func (l *live) drop(id int32) {
	r := l.run
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropLocked(id)
}

func (r *liveRun) dropLocked(id int32) {
	p, ok := r.owned[id]
	if !ok {
		return
	}
	if p.moved != nil {
		close(p.moved)
	}
	delete(r.owned, id)
}

// applied tells what a committed turn has changed of a partition.
func (l *live) applied(pt *partTurn) {
	r := l.run
	r.mu.Lock()
	p := r.owned[pt.id]
	p.next = pt.meta.NextOffset
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
	r.mu.Unlock()
	l.watchers.notify(pt)
}

// sunk is the offset up to which a partition of the results is in the record.
func (l *live) sunk(partition int32) int64 {
	r := l.run
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sunk[partition]
}

// followSinkEvery is how often the sink's progress is looked up.
const followSinkEvery = 2 * time.Second

func (r *liveRun) followSink(ctx context.Context, cfg *Config) {
	for {
		offsets, err := groupOffsets(ctx, r.admin, cfg.SinkGroup, cfg.Topics.Results)
		if err != nil && ctx.Err() == nil {
			cfg.Log.Debug("the sink's progress is not known", "error", err)
		}
		r.mu.Lock()
		maps.Copy(r.sunk, offsets)
		r.mu.Unlock()
		if pause(ctx, followSinkEvery) != nil {
			return
		}
	}
}

// catchUpMax bounds the wait for the loop to have read what was in the log when the question came.
const catchUpMax = 2 * time.Second

// Request answers what the owner knows of a call: schemas.ErrUnknown when it is sure that there is none, and
// schemas.ErrUnavailable when it cannot tell, or knows of the call but has its result no more.
func (p *Processor) Request(ctx context.Context, q schemas.RequestQuery) (schemas.CallResource, error) {
	w := &waiter{live: p.live, wait: q.Wait, on: []watchKey{watchRequest(q.ID)}}
	return await(ctx, w, func(ctx context.Context) (schemas.CallResource, bool, error) {
		r, err := p.live.request(ctx, q)
		if err == nil && !r.Status.Final() && w.also(watchRequest(uuid.MustParse(r.RequestID))) {
			r, err = p.live.request(ctx, q) // the id is a resend's: the first may have ended between look and watch
		}
		return r, r.Status.Final(), err
	})
}

// Conversation answers what the owner knows of a conversation; errors as those of Request.
func (p *Processor) Conversation(ctx context.Context, q schemas.ConversationQuery) (schemas.ConversationResource, error) {
	keys := conversationKeys(q)
	w := &waiter{live: p.live, wait: q.Wait}
	for _, k := range keys {
		w.on = append(w.on, watchConversation(k))
	}
	return await(ctx, w, func(ctx context.Context) (schemas.ConversationResource, bool, error) {
		r, err := p.live.conversation(ctx, q, keys)
		return r, r.Status.Final(), err
	})
}

// waiter says for how long to wait, and for the end of what.
type waiter struct {
	live *live
	wait time.Duration
	on   []watchKey
	// ended has something to receive when one of what on names has ended.
	ended chan struct{}
}

// also waits for the end of what key names, too. It reports whether that is new: then it may have ended before.
func (w *waiter) also(key watchKey) bool {
	if slices.Contains(w.on, key) {
		return false
	}
	w.on = append(w.on, key)
	w.live.watchers.join(w.ended, key)
	return true
}

// await asks until the answer is final, or the wait is over. It waits a moment for an owner, too: it may be us soon.
func await[R any](ctx context.Context, w *waiter, ask func(context.Context) (R, bool, error)) (R, error) {
	w.ended = w.live.watchers.watch(w.on...) // before the first look, so that no end falls between
	defer func() { w.live.watchers.leave(w.ended, w.on...) }()
	timer := time.NewTimer(w.wait)
	defer timer.Stop()
	asked := time.Now()
	for {
		r, final, err := ask(ctx)
		unowned := errors.Is(err, errNotOwned) && time.Since(asked) < catchUpMax
		if err != nil && !unowned || final || w.wait <= 0 {
			return r, err
		}
		var again <-chan time.Time
		if unowned {
			again = time.After(ownerPause)
		}
		select {
		case <-w.ended:
		case <-again:
		case <-timer.C:
			w.wait = 0 // one more look
		case <-ctx.Done():
			return r, err
		}
	}
}

// ownerPause is the time between two looks for the owner of a partition that has none, as while the group rebalances.
const ownerPause = 50 * time.Millisecond

// conversationKeys are what an id may name: a ConversationID, or the request id of a call without one.
func conversationKeys(q schemas.ConversationQuery) []schemas.ConversationKey {
	if id, err := uuid.Parse(q.ID); err == nil {
		return []schemas.ConversationKey{schemas.NewConversationKey(q.Account, "", id), schemas.NewConversationKey(q.Account, q.ID, schemas.RequestID{})}
	}
	return []schemas.ConversationKey{schemas.NewConversationKey(q.Account, q.ID, schemas.RequestID{})}
}

func (l *live) request(ctx context.Context, q schemas.RequestQuery) (schemas.CallResource, error) {
	home := l.cfg.homeOf(q.Account, q.ID)
	if q.Accepted != nil {
		home = q.Accepted.Partition
	}
	find := func(partition int32) (schemas.CallResource, error) {
		return withView(l, partition, func(v *lookup) (schemas.CallResource, error) { return v.request(q) })
	}
	r, err := find(home)
	if !errors.Is(err, schemas.ErrUnknown) {
		return r, err
	}
	if q.Accepted != nil {
		return l.queued(q, home, find)
	}
	if err := l.caughtUp(ctx, home); err != nil {
		return r, err
	}
	if r, err = find(home); !errors.Is(err, schemas.ErrUnknown) {
		return r, err
	}
	// A request id that its producer chose may name another partition than that of its conversation.
	others := l.ownedOthers(home)
	if err := l.caughtUp(ctx, others...); err != nil {
		return r, err
	}
	for _, other := range others {
		if r, err := find(other); !errors.Is(err, schemas.ErrUnknown) {
			return r, err
		}
	}
	return r, err
}

// queued is the status of a call that was acknowledged but is not known: it has not been read yet, or its result is
// in the record alone.
func (l *live) queued(q schemas.RequestQuery, home int32, find func(int32) (schemas.CallResource, error)) (schemas.CallResource, error) {
	next, err := l.next(home)
	if err != nil {
		return schemas.CallResource{}, err
	}
	if next > q.Accepted.Offset {
		if r, err := find(home); !errors.Is(err, schemas.ErrUnknown) {
			return r, err // it was applied since the first look
		}
		return schemas.CallResource{}, fmt.Errorf("request %s has been applied, its result is not here: %w", q.ID, schemas.ErrUnavailable)
	}
	return schemas.CallResource{RequestID: q.ID.String(), Account: q.Account, Status: schemas.Queued, Results: []schemas.ResultResource{}}, nil
}

func (l *live) conversation(ctx context.Context, q schemas.ConversationQuery, keys []schemas.ConversationKey) (schemas.ConversationResource, error) {
	if q.Accepted != nil {
		if err := l.passed(ctx, *q.Accepted); err != nil {
			return schemas.ConversationResource{}, err
		}
	}
	find := func(key schemas.ConversationKey) (schemas.ConversationResource, error) {
		return withView(l, l.homeOfConversation(key), func(v *lookup) (schemas.ConversationResource, error) { return v.conversation(key, q) })
	}
	var r schemas.ConversationResource
	var err error
	for _, key := range keys {
		if r, err = find(key); !errors.Is(err, schemas.ErrUnknown) {
			return r, err
		}
	}
	for _, key := range keys {
		if err := l.caughtUp(ctx, l.homeOfConversation(key)); err != nil {
			return r, err
		}
		if r, err = find(key); !errors.Is(err, schemas.ErrUnknown) {
			return r, err
		}
	}
	return r, err
}

func (l *live) homeOfConversation(key schemas.ConversationKey) int32 {
	account, conversationID, id := key.Split()
	if key.Single() {
		return l.cfg.homeOf(account, id)
	}
	return topics.Partition(schemas.RecordKey(account, conversationID, id), l.cfg.Partitions)
}

// next is the first offset of an owned partition that has not been applied.
func (l *live) next(partition int32) (int64, error) {
	l.mu.RLock()
	r := l.run
	l.mu.RUnlock()
	if r == nil {
		return 0, notOwned(partition)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.owned[partition]
	if !ok {
		return 0, notOwned(partition)
	}
	return p.next, nil
}

// errNotOwned says that the partition is not ours, or not yet.
var errNotOwned = fmt.Errorf("partition is not owned here: %w", schemas.ErrUnavailable)

func notOwned(partition int32) error { return fmt.Errorf("partition %d: %w", partition, errNotOwned) }

// caughtUp returns when everything that is in these partitions of the log now has been applied.
func (l *live) caughtUp(ctx context.Context, partitions ...int32) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpMax)
	defer cancel()
	l.mu.RLock()
	r := l.run
	l.mu.RUnlock()
	if r == nil {
		return errNotOwned
	}
	ends, err := r.admin.ListEndOffsets(ctx, l.cfg.Topics.Calls)
	if err != nil {
		return fmt.Errorf("ends of the calls: %w: %w", err, schemas.ErrUnavailable)
	}
	for _, p := range partitions {
		end, ok := ends.Lookup(l.cfg.Topics.Calls, p)
		if !ok || end.Err != nil {
			return fmt.Errorf("end of partition %d is not known: %w", p, errors.Join(end.Err, schemas.ErrUnavailable))
		}
		if err := r.reach(ctx, p, end.Offset); err != nil {
			return err
		}
	}
	return nil
}

// passed returns when the record at a place has been applied.
func (l *live) passed(ctx context.Context, at schemas.Position) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpMax)
	defer cancel()
	l.mu.RLock()
	r := l.run
	l.mu.RUnlock()
	if r == nil {
		return errNotOwned
	}
	return r.reach(ctx, at.Partition, at.Offset+1)
}

// ownedOthers are the partitions that are ours, without home.
func (l *live) ownedOthers(home int32) []int32 {
	l.mu.RLock()
	r := l.run
	l.mu.RUnlock()
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	others := slices.Collect(maps.Keys(r.owned))
	return slices.DeleteFunc(others, func(p int32) bool { return p == home })
}

// reach returns when an owned partition has been applied up to, not with, an offset.
func (r *liveRun) reach(ctx context.Context, partition int32, offset int64) error {
	for {
		r.mu.Lock()
		p, ok := r.owned[partition]
		if !ok {
			r.mu.Unlock()
			return notOwned(partition)
		}
		if p.next >= offset {
			r.mu.Unlock()
			return nil
		}
		if p.moved == nil {
			p.moved = make(chan struct{})
		}
		moved := p.moved
		r.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("partition %d has not been applied up to offset %d: %w", partition, offset, schemas.ErrUnavailable)
		}
	}
}
