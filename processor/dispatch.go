package processor

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// dispatcher carries out what the loop releases: in order of arrival, so many at once as each route allows. It
// holds a bounded number of conversations in memory; the others wait in the store's queue and are admitted when
// there is room. The loop owns it; executions only report to the mailbox.
type dispatcher struct {
	cfg      *Config
	store    *store.Store
	mailbox  *mailbox
	running  *running
	group    sync.WaitGroup
	stop     context.CancelFunc
	ctx      context.Context // of all executions, ended by close
	admitted map[schemas.ConversationKey]*work
	lines    map[*route.Route]*line
	delayed  delays
	// backlog has, per partition, the place in its queue up to which conversations were admitted; a partition that
	// is not in it has all of them admitted.
	backlog map[int32]store.Queued
}

// work is a conversation that was admitted, and the attempt that it waits for or has under way.
type work struct {
	partition int32
	key       schemas.ConversationKey
	attempt   conversation.Execute
	call      *parleyv1.Call // nil until it is needed
	dropped   bool           // the partition is not ours any more
	cancel    context.CancelFunc
}

// line is what waits for a route and how much it has under way.
type line struct {
	route   *route.Route
	waiting []*work
	busy    int
}

// finished is what came of an attempt.
type finished struct {
	work *work
	// route is the one that it went by; nil: it could not begin.
	route *route.Route
	// line is where its place is to be given free; nil: it has been, or it had none.
	line      *line
	startedAt time.Time
	at        time.Time
	outcome   conversation.Outcome
}

func newDispatcher(cfg *Config, s *store.Store, m *mailbox) *dispatcher {
	ctx, cancel := context.WithCancel(context.Background())
	return &dispatcher{
		cfg:      cfg,
		store:    s,
		mailbox:  m,
		running:  newRunning(),
		ctx:      ctx,
		stop:     cancel,
		admitted: make(map[schemas.ConversationKey]*work),
		lines:    make(map[*route.Route]*line),
		backlog:  make(map[int32]store.Queued),
	}
}

// close ends all executions and waits for them; their outcomes are lost, and the attempts repeated by who owns the
// partitions next.
func (d *dispatcher) close() {
	d.stop()
	d.group.Wait()
}

// adopt takes up the queue of a partition, from its first conversation.
func (d *dispatcher) adopt(partition int32) { d.backlog[partition] = store.Queued{} }

// drop forgets a partition: its executions are cancelled and what they say is not heard.
func (d *dispatcher) drop(partition int32) {
	delete(d.backlog, partition)
	for key, w := range d.admitted {
		if w.partition != partition {
			continue
		}
		w.dropped = true
		if w.cancel != nil {
			w.cancel()
		}
		delete(d.admitted, key)
	}
}

// release takes an attempt whose intent is committed. ready is the conversation's place in its partition's queue.
func (d *dispatcher) release(w *work, ready int64) {
	if known, ok := d.admitted[w.key]; ok {
		known.attempt, known.call = w.attempt, w.call
		d.enqueue(known)
		return
	}
	if _, behind := d.backlog[w.partition]; behind {
		return // its turn comes when the queue has been read up to it
	}
	if len(d.admitted) >= d.cfg.AdmittedMax {
		d.backlog[w.partition] = store.Queued{Ready: ready - 1}
		return
	}
	d.admitted[w.key] = w
	d.enqueue(w)
}

// ended lets go of a conversation.
func (d *dispatcher) ended(key schemas.ConversationKey) { delete(d.admitted, key) }

func (d *dispatcher) enqueue(w *work) {
	if w.attempt.NotBefore.After(time.Now()) {
		heap.Push(&d.delayed, w)
		return
	}
	if err := d.lineUp(w); err != nil {
		d.refuse(w, err)
	}
}

func (d *dispatcher) lineUp(w *work) error {
	if err := d.load(w); err != nil {
		return err
	}
	r, problem := d.cfg.Routes.ForCall(w.call)
	if problem != nil {
		return problem
	}
	l, ok := d.lines[r]
	if !ok {
		l = &line{route: r}
		d.lines[r] = l
	}
	if l.busy+len(l.waiting) >= l.route.Concurrency {
		w.call = nil // it may wait for long: its payload waits in the store
	}
	l.waiting = append(l.waiting, w)
	return nil
}

// load reads the call of an attempt from the store.
func (d *dispatcher) load(w *work) error {
	if w.call != nil {
		return nil
	}
	v := d.store.View(w.partition)
	defer v.Close()
	p, ok, err := v.Part(w.key, w.attempt.SequenceCode)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("part %d of %q is not in the store", w.attempt.SequenceCode, w.key)
	}
	w.call = new(parleyv1.Call)
	return proto.Unmarshal(p.Call, w.call)
}

// refuse ends an attempt that cannot begin: its route was taken away, or its payload cannot be read.
func (d *dispatcher) refuse(w *work, err error) {
	now := time.Now()
	o := conversation.Outcome{Kind: conversation.Failed, Code: schemas.Internal, Message: err.Error()}
	if p, ok := err.(*schemas.Problem); ok { //nolint:errorlint // never wrapped: lineUp returns it as it is
		o.Code, o.Message = p.Code, p.Detail
	}
	d.mailbox.put(finished{work: w, startedAt: now, at: now, outcome: o})
}

// fill starts what can be started, and admits more when there is room.
func (d *dispatcher) fill() error {
	for now := time.Now(); len(d.delayed) > 0 && !d.delayed[0].attempt.NotBefore.After(now); {
		w := heap.Pop(&d.delayed).(*work)
		if w.dropped {
			continue
		}
		if err := d.lineUp(w); err != nil {
			d.refuse(w, err)
		}
	}
	if err := d.admit(); err != nil {
		return err
	}
	for _, l := range d.lines {
		d.start(l)
	}
	return nil
}

// next is when a delayed attempt falls due; the zero time: there is none.
func (d *dispatcher) next() time.Time {
	if len(d.delayed) == 0 {
		return time.Time{}
	}
	return d.delayed[0].attempt.NotBefore
}

// admit reads on in the queues of partitions that have more than was admitted.
func (d *dispatcher) admit() error {
	for partition, at := range d.backlog {
		room := d.cfg.AdmittedMax - len(d.admitted)
		if room < d.cfg.AdmittedMax/2 {
			return nil // not worth a scan yet
		}
		queue, err := d.store.Queue(partition, at, room)
		if err != nil {
			return fmt.Errorf("read queue of partition %d: %w", partition, err)
		}
		if len(queue) < room {
			delete(d.backlog, partition)
		} else {
			d.backlog[partition] = queue[len(queue)-1]
		}
		if err := d.admitAll(partition, queue); err != nil {
			return err
		}
	}
	return nil
}

func (d *dispatcher) admitAll(partition int32, queue []store.Queued) error {
	v := d.store.View(partition)
	defer v.Close()
	for _, q := range queue {
		if _, ok := d.admitted[q.Conversation]; ok {
			continue
		}
		s, err := v.Conversation(q.Conversation)
		if err != nil {
			return fmt.Errorf("admit: %w", err)
		}
		w := &work{
			partition: partition,
			key:       q.Conversation,
			attempt:   conversation.Execute{SequenceCode: s.Turn, Attempt: s.Attempt, NotBefore: s.RetryAt},
		}
		d.admitted[w.key] = w
		d.enqueue(w)
	}
	return nil
}

func (d *dispatcher) start(l *line) {
	n := 0
	for ; n < len(l.waiting) && l.busy < l.route.Concurrency; n++ {
		w := l.waiting[n]
		l.waiting[n] = nil
		if w.dropped {
			continue
		}
		if err := d.load(w); err != nil {
			d.refuse(w, err)
			continue
		}
		l.busy++
		d.execute(w, l)
	}
	if l.waiting = l.waiting[n:]; len(l.waiting) == 0 {
		l.waiting = nil
	}
}

// execute makes one attempt in a goroutine of its own, which ends with a word to the mailbox.
func (d *dispatcher) execute(w *work, l *line) {
	ctx, cancel := context.WithCancel(d.ctx)
	w.cancel = cancel
	req := executor.Request{Call: w.call, Attempt: w.attempt.Attempt}
	d.running.add(w.key)
	d.group.Go(func() {
		defer cancel()
		f := finished{work: w, route: l.route, line: l, startedAt: time.Now()}
		f.outcome = d.cfg.Executor.Execute(ctx, l.route, req)
		f.at = time.Now()
		d.running.remove(w.key)
		d.mailbox.put(f)
	})
}

// busy is how many attempts are under way or have not been heard.
func (d *dispatcher) busy() int {
	n := 0
	for _, l := range d.lines {
		n += l.busy
	}
	return n
}

// heard gives the place of a finished attempt free. It reports whether the attempt still counts.
func (d *dispatcher) heard(f finished) bool {
	if f.line != nil {
		f.line.busy--
	}
	return !f.work.dropped
}

// delays are attempts that must not begin yet, the earliest first.
type delays []*work

func (d delays) Len() int           { return len(d) }
func (d delays) Less(i, j int) bool { return d[i].attempt.NotBefore.Before(d[j].attempt.NotBefore) }
func (d delays) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *delays) Push(x any)        { *d = append(*d, x.(*work)) }
func (d *delays) Pop() any {
	old := *d
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return w
}

// running is the set of conversations with an attempt under way. Pollers read it.
type running struct {
	mu   sync.RWMutex
	keys map[schemas.ConversationKey]struct{}
}

func newRunning() *running { return &running{keys: make(map[schemas.ConversationKey]struct{})} }

func (r *running) add(key schemas.ConversationKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[key] = struct{}{}
}

func (r *running) remove(key schemas.ConversationKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, key)
}

func (r *running) has(key schemas.ConversationKey) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok := r.keys[key]
	return ok
}
