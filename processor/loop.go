package processor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/pause"
	"parley/processor/store"
)

// loop is a processor from the moment it joins the group to the moment it leaves. The goroutine that calls run is
// the only owner of its fields, except those that say otherwise.
type loop struct {
	cfg      Config
	store    *store.Store
	live     *live
	metrics  *metrics
	stopped  *stopped
	session  *session
	mailbox  *mailbox   // shared with the executions
	owner    *ownership // shared with the group's callbacks
	lease    *lease
	dispatch *dispatcher
	notifier *notifier
	// destinations are the topics of kafka routes.
	destinations *destinations
	// partitions are those that we own and have caught up with.
	partitions map[int32]*partition
	housekept  time.Time
	// setback is the pause after the last turn, which was aborted; zero: it was committed.
	setback time.Duration
}

// partition is what the loop keeps in memory of a partition that it owns.
type partition struct {
	id      int32
	meta    store.Meta // as committed
	applied store.Applied
	// fenced is set once a turn of ours has been committed: who owned the partition before cannot change it any more.
	fenced bool
	// adopted is the first offset that we read ourselves, adoptedAt when that was: what was ready before may have been
	// begun by who owned the partition then.
	adopted   int64
	adoptedAt time.Time
	// readTo is where the calls ended when we caught up. Until they have been applied our clock declares nothing, and
	// nothing is declared lost: lost has what is to be.
	readTo int64
	lost   []finished
	// nextTimer and nextWake are not after the earliest timer, by the log's and by our clock; zero: there is none.
	nextTimer, nextWake time.Time
	ticked, swept       time.Time
	// erasures are those that are not forgotten, in the order of their records.
	erasures []store.Erasure
}

func newLoop(p *Processor, s *store.Store, o *orphans) (*loop, error) {
	cfg := p.cfg
	l := &loop{
		cfg:        cfg,
		store:      s,
		live:       p.live,
		metrics:    p.metrics,
		stopped:    p.stopped,
		mailbox:    new(mailbox),
		partitions: make(map[int32]*partition),
	}
	l.owner = &ownership{wake: l.mailbox.nudge}
	l.destinations = &destinations{known: make(map[string]destination)}
	txn := txnPrefix(cfg.Group) + cfg.Instance
	opts := append([]kgo.Opt{
		kgo.ConsumerGroup(cfg.Group),
		kgo.DisableAutoCommit(),
		kgo.TransactionalID(txn),
		kgo.ConsumeTopics(cfg.Topics.Calls),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the position counts them: who asks for the end of the log is told of them too
		kgo.BlockRebalanceOnPoll(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytesFn(l.destinations.batchBytes),
		kgo.ProducerLinger(0),
		kgo.MetadataMinAge(refusedPause),
		kgo.FetchMaxBytes(fetchBytesMax),
		kgo.FetchMaxPartitionBytes(fetchBytesMax / 2),
		kgo.FetchMaxWait(250 * time.Millisecond),
		kgo.SessionTimeout(cfg.SessionTimeout),
		kgo.TransactionTimeout(cfg.TransactionTimeout),
		kgo.OnPartitionsAssigned(l.owner.assigned),
		kgo.OnPartitionsRevoked(l.owner.revoked),
		kgo.OnPartitionsLost(l.owner.revoked),
		kgo.OnPartitionsCallbackBlocked(l.owner.blocked),
		kgo.WithHooks(cfg.Hooks...),
	}, cfg.Kafka...)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("join group %s: %w", cfg.Group, err)
	}
	l.session = &session{client: client, group: cfg.Group, txn: txn, calls: cfg.Topics.Calls}
	l.destinations.client = client
	l.lease = newLease(client, cfg.Group)
	l.lease.keep()
	l.dispatch = newDispatcher(&l.cfg, s, l.mailbox, dispatchOptions{lease: l.lease, lost: o.send, changed: l.live.watchers.changed, metrics: l.metrics.routes})
	l.notifier = newNotifier(&l.cfg, s, l.lease.holds, l.mailbox.nudge, l.metrics.deliveries)
	l.live.begin(client, l.lease, l.dispatch.running)
	return l, nil
}

const (
	// refusedPause is the time until records are tried again that a broker refused. The client waits for new metadata first,
	// by default 5 seconds, whatever the reason; and a broker that still ends the last transaction refuses those of the next
	// one (CONCURRENT_TRANSACTIONS, since KIP-890), which a busy cluster does at every turn.
	refusedPause = 50 * time.Millisecond
	// fetchBytesMax bounds the records that one fetch brings, and so the memory of one turn.
	fetchBytesMax = 32 << 20
	// producerBatchBytes lets a record be as long as the broker's topics allow: see internal/topics.
	producerBatchBytes = 16 << 20
)

// close ends the executions, then leaves the group.
func (l *loop) close() {
	l.live.end()
	l.metrics.partitions.dropAll()
	l.dispatch.close()
	l.notifier.close()
	l.lease.close()
	l.session.client.CloseAllowingRebalance() // an error may have come between a poll and its end
}

// run takes turns until ctx ends. An error leaves it open whether the last turn is committed: the loop must be
// closed and another begin from what is.
func (l *loop) run(ctx context.Context) error {
	l.session.holdRebalances()
	for {
		fetches, outcomes := l.take(ctx)
		if err := l.adopt(ctx); err != nil {
			return fmt.Errorf("adopt: %w", err)
		}
		if err := l.turn(fetches.Records(), outcomes); err != nil {
			return err
		}
		l.takeBreath(ctx)
		if err := l.dispatch.fill(); err != nil {
			return fmt.Errorf("dispatch: %w", err)
		}
		if err := l.notifier.fill(); err != nil {
			return fmt.Errorf("notify: %w", err)
		}
		if err := l.housekeep(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return l.rest()
		}
		if l.owner.waits() || l.session.polls >= pollsMax {
			if err := l.rebalance(ctx); err != nil {
				return err
			}
		}
	}
}

// rebalance lets the group rebalance once what is under way has ended, and begins nothing before the partitions that
// were lost have been let go.
func (l *loop) rebalance(ctx context.Context) error {
	if err := l.drain(l.cfg.SessionTimeout / 3); err != nil {
		return err
	}
	l.session.allowRebalance()
	if err := l.adopt(ctx); err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	l.dispatch.resume()
	return nil
}

// stopTimeout bounds the wait for executions at the end; what they say later reaches the next owner as an answer.
const stopTimeout = 10 * time.Second

// drain takes what the executions under way have to say, and starts no other. Rebalances wait until it is over: another
// owner would begin what is still under way here, and our generation would not tell us apart.
func (l *loop) drain(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	l.dispatch.stop()
	for ctx.Err() == nil && l.dispatch.busy() > 0 {
		l.mailbox.await(ctx)
		if err := l.turn(nil, l.mailbox.take()); err != nil {
			return err
		}
		l.takeBreath(ctx)
	}
	return l.turn(nil, l.mailbox.take()) // of those that ended during the last turn
}

// restTimeout bounds the wait at the end for attempts to tell receivers; one that takes longer is made again.
const restTimeout = 2 * time.Second

// rest takes what is under way still has to say, and begins nothing.
func (l *loop) rest() error {
	l.notifier.stop()
	if err := l.drain(stopTimeout); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), restTimeout)
	defer cancel()
	for ctx.Err() == nil && l.notifier.busy() > 0 {
		l.mailbox.await(ctx)
		if err := l.turn(nil, l.mailbox.take()); err != nil {
			return err
		}
		l.takeBreath(ctx)
	}
	return nil
}

// A turn that was aborted is taken again after a pause, which doubles from one to the next until one is committed.
const (
	setbackMin = 5 * time.Millisecond
	setbackMax = time.Second
)

// takeBreath waits after a turn that was aborted, until ctx ends at the longest.
func (l *loop) takeBreath(ctx context.Context) {
	if l.setback > 0 {
		_ = pause.For(ctx, l.setback) // its end is seen where the wait was for
	}
}

// turn is the only place where the state of this member's partitions changes.
func (l *loop) turn(records []*kgo.Record, outcomes []finished) error {
	t := l.newTurn()
	tellings := l.notifier.take()
	heard, err := l.decide(t, records, outcomes, tellings)
	if err != nil {
		l.mailbox.put(heard...) // as below
		return fmt.Errorf("decide: %w", err)
	}
	if len(t.parts) == 0 {
		return nil
	}
	committed, err := l.commit(t)
	defer func() { l.metrics.turn.Observe(time.Since(t.now).Seconds()) }()
	switch {
	case err != nil:
		l.mailbox.put(heard...) // whoever owns the partitions next is told, if it was not committed
		return err
	case committed:
		l.release(t)
		l.setback = 0
	default:
		l.notifier.put(tellings)
		l.forget(t, heard)
		l.setback = min(max(setbackMin, 2*l.setback), setbackMax)
	}
	l.dispatch.settle()
	return nil
}

// take waits for something to do: records, outcomes, an attempt or a timer that falls due.
func (l *loop) take(ctx context.Context) (kgo.Fetches, []finished) {
	ctx, cancel := context.WithDeadline(ctx, l.alarm())
	defer cancel()
	ctx, stop := l.mailbox.wait(ctx)
	defer stop()
	fetches := l.session.poll(ctx, l.cfg.RecordsMax)
	fetches.EachError(func(topic string, partition int32, err error) {
		if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			l.cfg.Log.Warn("calls cannot be read from Kafka; they are asked for again", "topic", topic, "partition", partition, "error", err)
		}
	})
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if p.Err == nil {
			l.metrics.partitions.read(p.Partition, p.LastStableOffset)
		}
	})
	return fetches, l.mailbox.take()
}

// alarm is when the loop must come round even if nothing comes in.
func (l *loop) alarm() time.Time {
	at := earliest(time.Now().Add(housekeepEvery), earliest(l.dispatch.next(), l.notifier.next()))
	for _, p := range l.partitions {
		at = earliest(at, p.wakesAt())
		if p.nextErasure() >= 0 {
			at = earliest(at, time.Now().Add(eraseEvery))
		}
	}
	return at
}

// decide applies everything that was taken, and what comes of it before the commit, on this turn's copy of the state.
// It returns all that executions had to say, also with an error.
func (l *loop) decide(t *turn, records []*kgo.Record, outcomes []finished, tellings []told) ([]finished, error) {
	if err := errors.Join(l.erase(t), l.hear(t, outcomes), l.hearTold(t, tellings)); err != nil {
		return outcomes, err
	}
	for _, in := range l.decodeAll(records) {
		p, ours := l.partitions[in.record.Partition]
		if !ours && l.stopped.has(in.record.Partition) {
			continue // it was fetched before that was known
		}
		if !ours {
			return outcomes, fmt.Errorf("a record of partition %d, which was not assigned", in.record.Partition)
		}
		if err := t.received(t.on(p), in); err != nil {
			return outcomes, err
		}
	}
	for _, p := range l.partitions {
		if at := p.wakesAt(); !at.IsZero() && !t.now.Before(at) {
			t.on(p)
		}
	}
	for _, p := range t.parts {
		if err := errors.Join(t.timers(p), t.clock(p)); err != nil {
			return outcomes, err
		}
	}
	if err := l.sweep(t); err != nil {
		return outcomes, err
	}
	l.tick(t)
	more, err := l.linger(t)
	return append(outcomes, more...), err
}

func (l *loop) hear(t *turn, outcomes []finished) error {
	for _, f := range outcomes {
		p, ours := l.partitions[f.work.partition]
		if !l.dispatch.heard(f) || !ours {
			continue
		}
		if f.kind == attemptLost && p.meta.NextOffset < p.readTo {
			p.hold(f) // what came of it may be among the calls that were not read
			continue
		}
		if err := t.finished(t.on(p), f); err != nil {
			return err
		}
	}
	return nil
}

// hearTold applies what came of attempts to tell receivers; of a partition that is not ours any more, its owner tries again.
func (l *loop) hearTold(t *turn, tellings []told) error {
	for _, in := range tellings {
		p, ours := l.partitions[in.partition]
		if !ours {
			continue
		}
		if in.err != nil {
			return in.err
		}
		if err := t.told(t.on(p), in); err != nil {
			return err
		}
	}
	return nil
}

// hold keeps what is to be declared lost for later, once: it comes again after a turn that was aborted.
func (p *partition) hold(f finished) {
	if !slices.ContainsFunc(p.lost, func(held finished) bool { return held.work == f.work }) {
		p.lost = append(p.lost, f)
	}
}

// A turn is held open for the attempts that it began early: as long as one after the other is heard of within lingerGap,
// but not longer than lingerMax. A backend that is slower than that is not waited for.
const (
	lingerGap = 2 * time.Millisecond
	lingerMax = 500 * time.Millisecond
)

// linger holds the turn open while attempts that it began early are under way, so that what they say, and the parts
// that follow them, are committed with it. It returns what they said.
func (l *loop) linger(t *turn) ([]finished, error) {
	var heard []finished
	for end := time.Now().Add(lingerMax); len(t.awaited) > 0 && time.Now().Before(end); {
		said := l.mailbox.within(lingerGap)
		if len(said) == 0 {
			break
		}
		heard = append(heard, said...)
		if err := l.hear(t, said); err != nil {
			return heard, err
		}
	}
	return heard, nil
}

// decodeAll decodes records on all processors, and keeps their order.
func (l *loop) decodeAll(records []*kgo.Record) []received {
	out := make([]received, len(records))
	workers := min(runtime.GOMAXPROCS(0), 1+len(records)/64)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(records); i += workers {
				out[i] = l.cfg.decode(records[i])
			}
		})
	}
	wg.Wait()
	return out
}

// commit writes the turn in one transaction, then applies it to the store. false: the transaction was aborted, and
// nothing has changed. An error leaves open which.
func (l *loop) commit(t *turn) (bool, error) {
	changelog, err := t.changelog()
	if err != nil {
		return false, fmt.Errorf("changelog: %w", err)
	}
	records := append([][]*kgo.Record{t.produced}, changelog...)
	offsets := make(map[int32]int64, len(t.parts))
	for _, p := range t.parts {
		records = append(records, p.results)
		offsets[p.id] = p.tx.Meta.NextOffset
	}
	start := time.Now()
	committed, err := l.session.commit(records, offsets)
	l.metrics.commit.Observe(time.Since(start).Seconds())
	switch {
	case err != nil:
		l.metrics.turns.WithLabelValues(turnUnknown).Inc()
		return false, err
	case !committed:
		l.metrics.turns.WithLabelValues(turnAborted).Inc()
		return false, nil
	}
	l.metrics.turns.WithLabelValues(turnCommitted).Inc()
	return true, l.apply(t, changelog)
}

func (l *loop) apply(t *turn, changelog [][]*kgo.Record) error {
	for i, p := range t.parts {
		applied := store.Applied{Changelog: nextOffset(p.applied.Changelog, changelog[i]), Results: nextOffset(p.applied.Results, p.results), At: t.now}
		offsets := make([]int64, len(p.results))
		for j, r := range p.results {
			offsets[j] = r.Offset
		}
		if err := p.tx.Apply(applied, offsets); err != nil {
			return fmt.Errorf("apply partition %d: %w", p.id, err)
		}
		p.meta, p.applied, p.nextTimer, p.nextWake, p.erasures = p.tx.Meta, applied, p.due, p.wake, p.erasing
	}
	return nil
}

func nextOffset(next int64, records []*kgo.Record) int64 {
	for _, r := range records {
		next = max(next, r.Offset+1)
	}
	return next
}

// release performs the effects of a committed turn.
func (l *loop) release(t *turn) {
	for _, p := range t.parts {
		if !p.fenced {
			p.fenced = true
			l.dispatch.adopt(p.id, p.meta.Fence)
			l.notifier.adopt(p.id, t.now)
		}
		for _, key := range p.ended {
			l.dispatch.ended(key)
		}
		for _, key := range p.begins {
			l.dispatch.begin(key)
		}
		for _, r := range p.releases {
			if p.stands(r) {
				l.dispatch.release(r)
			}
		}
		for _, r := range p.tellings {
			l.notifier.release(p.id, r)
		}
		l.live.applied(p)
		if len(p.lost) > 0 && p.meta.NextOffset >= p.readTo {
			l.mailbox.put(p.lost...)
			p.lost = nil
		}
	}
	for _, key := range t.withdrawn {
		l.dispatch.restore(key) // unless it has ended
	}
	t.traceAnswers()
	l.metrics.tell(t)
}

// forget drops a turn whose transaction was aborted: the records are read again, what the executions said is kept, but
// for those that the turn began itself.
func (l *loop) forget(t *turn, heard []finished) {
	for _, key := range t.early {
		l.dispatch.retract(key)
	}
	for _, key := range t.withdrawn {
		l.dispatch.restore(key)
	}
	l.mailbox.put(heard...)
	offsets := make(map[int32]int64, len(l.partitions))
	for _, p := range l.partitions {
		offsets[p.id] = p.meta.NextOffset
	}
	l.session.rewind(offsets)
}

// housekeepEvery is how often events are forgotten that the record has.
const housekeepEvery = time.Second

// eventsKept is how long an event is kept at the least, so that polls find it without the record.
const eventsKept = time.Minute

func (l *loop) housekeep() error {
	now := time.Now()
	if now.Sub(l.housekept) < housekeepEvery {
		return nil
	}
	l.housekept = now
	for _, p := range l.partitions {
		sunk := l.live.sunk(p.id % l.cfg.ResultPartitions)
		if _, err := l.store.Purge(p.id, sunk, now.Add(-eventsKept), purgeMax); err != nil {
			return fmt.Errorf("purge partition %d: %w", p.id, err)
		}
	}
	return nil
}

// purgeMax bounds the events that are forgotten at once, so that a turn stays short.
const purgeMax = 50_000
