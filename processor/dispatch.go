package processor

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// dispatcher carries out what the loop releases: in order of arrival, so many at once as each route allows. It
// holds a bounded number of conversations in memory; the others wait in the store's queue and are admitted when
// there is room. The loop owns it; executions share with it their line and the mailbox only.
type dispatcher struct {
	cfg      *Config
	store    *store.Store
	mailbox  *mailbox
	running  *running
	group    sync.WaitGroup
	owned    map[int32]*tenure
	admitted map[schemas.ConversationKey]*work
	lines    map[*route.Route]*line
	delayed  delays
	// backlog has, per partition, the place in its queue up to which conversations were admitted; a partition that
	// is not in it has all of them admitted.
	backlog map[int32]store.Queued
	// heldBytes is the size of the payloads that wait in memory.
	heldBytes int
	// stopped is set when nothing more may begin.
	stopped bool
}

// heldBytesMax bounds the payloads that wait in memory; further ones are read from the store when their turn comes.
const heldBytesMax = 64 << 20

// tenure is the time for which a partition is ours.
type tenure struct {
	ctx context.Context //nolint:containedctx // it is what a tenure is: executions of the partition live in it
	end context.CancelFunc
}

// work is a conversation that was admitted, and the attempt that it waits for or has under way.
type work struct {
	partition int32
	tenure    *tenure
	key       schemas.ConversationKey
	attempt   conversation.Execute
	// call is the payload of the part in turn; nil: it is in the store.
	call *parleyv1.Call
	// held is what call counts for in heldBytes.
	held int
}

// finished is what came of an attempt.
type finished struct {
	work *work
	call *parleyv1.Call // nil: it could not be read
	// route is the one that it went by; nil: it could not begin.
	route     *route.Route
	startedAt time.Time
	at        time.Time
	outcome   conversation.Outcome
}

func newDispatcher(cfg *Config, s *store.Store, m *mailbox) *dispatcher {
	return &dispatcher{
		cfg:      cfg,
		store:    s,
		mailbox:  m,
		running:  newRunning(),
		owned:    make(map[int32]*tenure),
		admitted: make(map[schemas.ConversationKey]*work),
		lines:    make(map[*route.Route]*line),
		backlog:  make(map[int32]store.Queued),
	}
}

// close ends all executions and waits for them; their outcomes are lost, and the attempts repeated by who owns the
// partitions next.
func (d *dispatcher) close() {
	for _, t := range d.owned {
		t.end()
	}
	d.group.Wait()
}

// adopt takes up the queue of a partition, from its first conversation.
func (d *dispatcher) adopt(partition int32) {
	t := new(tenure)
	t.ctx, t.end = context.WithCancel(context.Background())
	d.owned[partition] = t
	d.backlog[partition] = store.Queued{}
}

// drop forgets a partition: its executions are cancelled and what they say is not heard.
func (d *dispatcher) drop(partition int32) {
	t, ok := d.owned[partition]
	if !ok {
		return
	}
	t.end()
	delete(d.owned, partition)
	delete(d.backlog, partition)
	for _, w := range d.admitted {
		if w.tenure == t {
			d.letGo(w)
		}
	}
}

func (d *dispatcher) letGo(w *work) {
	d.heldBytes -= w.held
	w.held = 0
	delete(d.admitted, w.key)
}

// release takes an attempt whose intent is committed. ready is the conversation's place in its partition's queue.
func (d *dispatcher) release(r release) {
	if w, ok := d.admitted[r.key]; ok {
		w.attempt, w.call = r.attempt, nil
		d.enqueue(w)
		return
	}
	if _, behind := d.backlog[r.partition]; behind {
		return // its turn comes when the queue has been read up to it
	}
	if len(d.admitted) >= d.cfg.AdmittedMax {
		d.backlog[r.partition] = store.Queued{Ready: r.ready} // no conversation's key is empty: this one is behind it
		return
	}
	d.admit(&work{partition: r.partition, tenure: d.owned[r.partition], key: r.key, attempt: r.attempt, call: r.call})
}

func (d *dispatcher) admit(w *work) {
	d.admitted[w.key] = w
	d.enqueue(w)
}

// ended lets go of a conversation.
func (d *dispatcher) ended(key schemas.ConversationKey) {
	if w, ok := d.admitted[key]; ok {
		d.letGo(w)
	}
}

func (d *dispatcher) enqueue(w *work) {
	if w.attempt.NotBefore.After(time.Now()) {
		heap.Push(&d.delayed, w)
		return
	}
	d.lineUp(w)
}

// lineUp puts an attempt in the line of its route, and starts it if the route has a place free.
func (d *dispatcher) lineUp(w *work) {
	call, err := w.load(d.store)
	if err != nil {
		d.refuse(w, nil, err)
		return
	}
	r, problem := d.cfg.Routes.ForCall(call)
	if problem != nil {
		d.refuse(w, call, problem)
		return
	}
	w.call = nil
	if size := proto.Size(call); d.heldBytes+size <= heldBytesMax {
		w.call, w.held = call, size
		d.heldBytes += size
	}
	l, ok := d.lines[r]
	if !ok {
		l = &line{route: r, dispatcher: d, closed: d.stopped}
		d.lines[r] = l
	}
	l.join(w)
}

// load returns the call of an attempt, from the store unless it is held.
func (w *work) load(s *store.Store) (*parleyv1.Call, error) {
	if w.call != nil {
		return w.call, nil
	}
	v := s.View(w.partition)
	defer v.Close()
	p, ok, err := v.Part(w.key, w.attempt.SequenceCode)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("part %d of %q is not in the store", w.attempt.SequenceCode, w.key)
	}
	call := new(parleyv1.Call)
	return call, proto.Unmarshal(p.Call, call)
}

// refuse ends an attempt that cannot begin: its route was taken away, or its payload cannot be read.
func (d *dispatcher) refuse(w *work, call *parleyv1.Call, err error) {
	now := time.Now()
	o := conversation.Outcome{Kind: conversation.Failed, Code: schemas.Internal, Message: "the call cannot be read from the state"}
	if p, ok := errors.AsType[*schemas.Problem](err); ok {
		o.Code, o.Message = p.Code, p.Detail
	} else {
		d.cfg.Log.Error("a call cannot be read from the state", "conversation", string(w.key), "error", err)
	}
	d.mailbox.put(finished{work: w, call: call, startedAt: now, at: now, outcome: o})
}

// fill lines up what has been delayed long enough, and admits more when there is room.
func (d *dispatcher) fill() error {
	for now := time.Now(); len(d.delayed) > 0 && !d.delayed[0].attempt.NotBefore.After(now); {
		if w, ok := heap.Pop(&d.delayed).(*work); ok && w.tenure.ctx.Err() == nil {
			d.lineUp(w)
		}
	}
	return d.readBacklog()
}

// next is when a delayed attempt falls due; the zero time: there is none.
func (d *dispatcher) next() time.Time {
	if len(d.delayed) == 0 {
		return time.Time{}
	}
	return d.delayed[0].attempt.NotBefore
}

// readBacklog reads on in the queues of partitions that have more than was admitted.
func (d *dispatcher) readBacklog() error {
	for partition, at := range d.backlog {
		room := d.cfg.AdmittedMax - len(d.admitted)
		if room < (d.cfg.AdmittedMax+1)/2 {
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
		attempt := conversation.Execute{SequenceCode: s.Turn, Attempt: s.Attempt, NotBefore: s.RetryAt}
		d.admit(&work{partition: partition, tenure: d.owned[partition], key: q.Conversation, attempt: attempt})
	}
	return nil
}

// heard takes note that an attempt has finished. It reports whether it still counts.
func (d *dispatcher) heard(f finished) bool {
	d.heldBytes -= f.work.held
	f.work.held = 0
	return f.work.tenure.ctx.Err() == nil
}

// busy is how many attempts are under way.
func (d *dispatcher) busy() int {
	n := 0
	for _, l := range d.lines {
		n += l.size()
	}
	return n
}

// stop lets what is under way finish, and nothing begin.
func (d *dispatcher) stop() {
	d.stopped = true
	for _, l := range d.lines {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
	}
}

// delays are attempts that must not begin yet, the earliest first.
type delays []*work

func (d delays) Len() int           { return len(d) }
func (d delays) Less(i, j int) bool { return d[i].attempt.NotBefore.Before(d[j].attempt.NotBefore) }
func (d delays) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *delays) Push(x any) {
	if w, ok := x.(*work); ok { // it holds nothing else
		*d = append(*d, w)
	}
}
func (d *delays) Pop() any {
	old := *d
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return w
}
