package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/pause"
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

	watchers *watchers
}

// liveRun is what live knows of one run of the loop.
type liveRun struct {
	admin   *kadm.Client
	lease   *lease
	running *running
	stop    context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex
	owned map[int32]*progress
	sunk  map[int32]int64 // per partition of the results: what the sink has committed
}

// progress is how far a partition has been applied.
type progress struct {
	next    int64
	written written
	moved   chan struct{} // closed when next moves or the partition is lost; nil: nobody waits
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
func (l *live) begin(client *kgo.Client, lease *lease, running *running) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &liveRun{
		admin:   kadm.NewClient(client),
		lease:   lease,
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
	for id := range r.owned {
		r.dropLocked(id)
	}
	r.mu.Unlock()
	l.watchers.wake()
}

func (l *live) adopt(p *partition) {
	r := l.run
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owned[p.id] = &progress{next: p.meta.NextOffset, written: written(nil).note(p.meta.Sequence, time.Now())}
}

func (l *live) drop(id int32) {
	r := l.run
	r.mu.Lock()
	r.dropLocked(id)
	r.mu.Unlock()
	l.watchers.wake()
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
	p.written = p.written.note(pt.meta.Sequence, time.Now())
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
	r.mu.Unlock()
	l.watchers.committed(pt)
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
		if pause.For(ctx, followSinkEvery) != nil {
			return
		}
	}
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

// notOwned says that partitions are not ours, or not yet.
func notOwned(partitions ...int32) error { return &schemas.NotOwnedError{Partitions: partitions} }

// leased reports whether nobody else can have been given our partitions until now. A process that was stopped and wakes
// holds on to a state that others have gone on from.
func (l *live) leased() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.run != nil && l.run.lease.holds(time.Now())
}

// catchUpMax bounds the wait for the loop to have read what was in the log when the question came.
const catchUpMax = 2 * time.Second

// caughtUp returns when everything that is in these partitions of the log now has been applied.
func (l *live) caughtUp(ctx context.Context, partitions ...int32) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpMax)
	defer cancel()
	l.mu.RLock()
	r := l.run
	l.mu.RUnlock()
	if r == nil {
		return notOwned(partitions...)
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
		return notOwned(at.Partition)
	}
	return r.reach(ctx, at.Partition, at.Offset+1)
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
