package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

const (
	// fetchBytesMax bounds what the client reads ahead from a broker, and so the records of a turn, as they are on
	// the wire; fetchPartitionBytesMax bounds it of a partition.
	fetchBytesMax          = 16 << 20
	fetchPartitionBytesMax = 4 << 20
	// insertsMax bounds the blocks that are inserted at the same time.
	insertsMax = 4
	// settleAfter is how long a partition has nothing to store before its last plan is taken back.
	settleAfter = time.Second
	// retryMin is the time before the first retry.
	retryMin = 100 * time.Millisecond
)

// member is one membership in the consumer group. Its run owns everything here but the inbox; a turn, from poll to
// AllowRebalance, holds up rebalances, so that what a turn writes belongs to the member.
type member struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	// positions is shared with the trimmer and the metrics.
	positions *positions
	client    *kgo.Client
	store     blockStore
	offsets   markStore
	inbox     inbox
	// held is shared with whoever asks.
	held *held

	partitions map[int32]*partition
	// prepared is set while the store is known to have its schema.
	prepared bool
	// trouble is with the turns in a row that could not write; until retryAt nothing is written or read.
	trouble trouble
	retryAt time.Time
}

// blockStore receives rows. It is a store, or one whose steps a test controls.
type blockStore interface {
	prepare(ctx context.Context) error
	insert(ctx context.Context, t table, token string) error
}

// markStore keeps marks. It is offsets, or one whose steps a test controls.
type markStore interface {
	commit(ctx context.Context, marks map[int32]mark) error
}

// join returns a member, which begins to join the group at once. The caller closes its client.
func join(cfg Config, metrics *metrics, blocks blockStore) (*member, error) {
	m := &member{cfg: cfg, log: cfg.Log, metrics: metrics, positions: metrics.lags.begin(), store: blocks, partitions: map[int32]*partition{}}
	m.inbox.log, m.inbox.positions = cfg.Log, m.positions
	client, err := kgo.NewClient(append(cfg.options(), m.inbox.options()...)...)
	if err != nil {
		return nil, fmt.Errorf("open Kafka client: %w", err)
	}
	m.client = client
	m.offsets = offsets{client: client, topic: cfg.Topics.Results}
	return m, nil
}

// options are those of the client, without the callbacks.
func (c Config) options() []kgo.Opt {
	return append(slices.Clip(c.Client),
		kgo.WithHooks(c.Hooks...),
		kgo.ConsumerGroup(c.Group),
		kgo.ConsumeTopics(c.Topics.Results),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(fetchBytesMax),
		kgo.FetchMaxPartitionBytes(fetchPartitionBytesMax),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
	)
}

// run takes turns until ctx ends, which is no error, or the client cannot go on.
func (m *member) run(ctx context.Context) error {
	// At once, so that the views can be asked before there is a result. What fails is tried again with the first block.
	if err := m.prepare(ctx); err != nil {
		m.log.Info("ClickHouse has no schema yet", "error", err)
	}
	for ctx.Err() == nil {
		if err := m.turn(ctx); err != nil {
			return err
		}
	}
	return nil
}

// turn reads what has come and writes what is due. A write that has begun does not end with ctx; it bounds itself.
func (m *member) turn(ctx context.Context) error {
	defer m.client.AllowRebalance()
	defer func() { m.positions.update(m.partitions) }()
	held, err := m.take(ctx)
	if err != nil || !held || time.Now().Before(m.retryAt) {
		return err
	}
	if err := m.write(ctx); err != nil {
		m.putOff(err)
	} else if m.trouble.attempts > 0 {
		m.resume()
	}
	return nil
}

// take waits for records, or for the moment at which something is due without any. held: rebalances wait until the
// end of the turn.
func (m *member) take(ctx context.Context) (held bool, err error) {
	if at := m.nextDue(); !at.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, at)
		defer cancel()
	}
	fetches := m.client.PollFetches(ctx)
	for id, change := range m.inbox.take() {
		m.adopt(id, change)
	}
	now := time.Now()
	for _, f := range fetches {
		for _, t := range f.Topics {
			for _, fp := range t.Partitions {
				if err := m.read(t, fp, now); err != nil {
					return false, err
				}
			}
		}
	}
	var work sync.WaitGroup
	for _, p := range m.partitions {
		work.Go(p.fill)
	}
	work.Wait()
	return len(fetches) > 0, nil
}

// nextDue is when something is to be done although no record comes; zero: never.
func (m *member) nextDue() time.Time {
	if m.trouble.attempts > 0 {
		return m.retryAt
	}
	var next time.Time
	for _, p := range m.partitions {
		var at time.Time
		switch {
		case p.block != nil && !p.block.planned:
			at = p.block.began.Add(m.cfg.BlockWait)
		case p.idle():
			at = p.storedAt.Add(settleAfter)
		default:
			continue
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// adopt begins a partition anew that was assigned, and drops one that was taken away.
func (m *member) adopt(id int32, c change) {
	defer func() { m.metrics.owned.Set(float64(len(m.partitions))) }()
	delete(m.partitions, id)
	m.held.drop(id)
	if c.lost {
		return
	}
	m.partitions[id] = &partition{
		limits: limits{rows: m.cfg.BlockRowsMax, bytes: m.cfg.BlockBytesMax},
		source: source{topic: m.cfg.Topics.Results, partition: id},
		plan:   c.mark,
	}
	m.held.add(id)
}

// read takes over what a poll brought of one partition. An error means that the client does not go on by itself.
func (m *member) read(t kgo.FetchTopic, fp kgo.FetchPartition, now time.Time) error {
	var dataLoss *kgo.ErrDataLoss
	var session *kgo.ErrGroupSession
	switch err := fp.Err; {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil
	case errors.As(err, &dataLoss), errors.As(err, &session):
		m.log.Warn("reading was interrupted", "topic", t.Topic, "partition", fp.Partition, "error", err)
		return nil
	default:
		return fmt.Errorf("read %s/%d: %w", t.Topic, fp.Partition, err)
	}
	if p := m.partitions[fp.Partition]; p != nil && len(fp.Records) > 0 {
		p.source.topicID = t.TopicID
		p.end = fp.LastStableOffset
		p.take(fp.Records, now)
	}
	return nil
}

// write plans and inserts blocks until none is due, and settles what has nothing more to store. After ctx has ended
// everything is due, but only one more block of each partition is written: the rest will be read again.
func (m *member) write(ctx context.Context) error {
	working := context.WithoutCancel(ctx)
	for {
		last, fill, rest := ctx.Err() != nil, m.cfg.BlockWait, settleAfter
		if last {
			fill, rest = 0, 0
		}
		due := m.due(time.Now(), fill)
		if len(due) == 0 {
			return m.settle(working, rest)
		}
		if err := m.writeBlocks(working, due); err != nil {
			return err
		}
		if last {
			return m.settle(working, rest)
		}
	}
}

// due seals and returns the partitions whose block is to be written now.
func (m *member) due(now time.Time, wait time.Duration) []*partition {
	var due []*partition
	for _, p := range m.partitions {
		if p.due(now, wait) {
			p.block.sealed = true
			due = append(due, p)
		}
	}
	return due
}

// writeBlocks writes one block of each of the partitions.
func (m *member) writeBlocks(ctx context.Context, partitions []*partition) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.InsertTimeout)
	defer cancel()
	if err := m.prepare(ctx); err != nil {
		return fmt.Errorf("prepare ClickHouse: %w", err)
	}
	if err := m.plan(ctx, partitions); err != nil {
		return err
	}
	var inserts errgroup.Group
	inserts.SetLimit(insertsMax)
	for _, p := range partitions {
		inserts.Go(func() error { return m.insert(ctx, p) })
	}
	return inserts.Wait()
}

// prepare brings the schema up to date, unless it is known to be.
func (m *member) prepare(ctx context.Context) error {
	if m.prepared {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.InsertTimeout)
	defer cancel()
	if err := m.store.prepare(ctx); err != nil {
		return err
	}
	m.prepared = true
	return nil
}

// plan commits the ranges of the blocks that are not planned yet.
func (m *member) plan(ctx context.Context, partitions []*partition) error {
	marks := map[int32]mark{}
	for _, p := range partitions {
		if b := p.block; !b.planned {
			marks[p.source.partition] = mark{offset: b.from, to: b.to, planned: true}
		}
	}
	if len(marks) == 0 {
		return nil
	}
	if err := m.offsets.commit(ctx, marks); err != nil {
		return fmt.Errorf("plan blocks: %w", kafkaError{err})
	}
	for _, p := range partitions {
		p.block.planned = true
	}
	return nil
}

// insert writes the planned block of a partition. It alone touches p meanwhile.
func (m *member) insert(ctx context.Context, p *partition) error {
	b := p.block
	for _, t := range b.tables() {
		if t.rows == 0 {
			continue
		}
		began := time.Now()
		if err := m.store.insert(ctx, t, b.token(t.name)); err != nil {
			return fmt.Errorf("partition %d, offsets [%d, %d): %w", b.source.partition, b.from, b.to, err)
		}
		m.metrics.inserts.WithLabelValues(t.name).Observe(time.Since(began).Seconds())
	}
	if err := m.bury(ctx, b); err != nil {
		return err
	}
	m.metrics.stored(b)
	p.done(time.Now())
	return nil
}

// settle commits how far the partitions are stored that have had nothing to store for a while: so that readers of
// the offsets see it.
func (m *member) settle(ctx context.Context, rest time.Duration) error {
	now := time.Now()
	marks := map[int32]mark{}
	for id, p := range m.partitions {
		if p.idle() && now.Sub(p.storedAt) >= rest {
			marks[id] = mark{offset: p.stored}
		}
	}
	if len(marks) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.InsertTimeout)
	defer cancel()
	if err := m.offsets.commit(ctx, marks); err != nil {
		return fmt.Errorf("settle: %w", kafkaError{err})
	}
	for id := range marks {
		m.partitions[id].settled = true
	}
	return nil
}

// putOff stops reading and writing for a while after an attempt failed. The schema is looked at again before the
// next: the server may have come back as another.
func (m *member) putOff(err error) {
	wait := min(m.cfg.RetryMax, retryMin<<min(m.trouble.attempts, 10))
	wait += time.Duration(rand.Int64N(int64(wait)/5 + 1))
	now := time.Now()
	reason := reasonOf(err)
	m.metrics.failed(m.trouble.reason, reason)
	if m.trouble.add(reason, now) {
		m.log.Warn("sink cannot write, trying again", "reason", reason, "since", m.trouble.since, "attempts", m.trouble.attempts, "error", err, "remedy", remedies[reason])
	} else {
		m.log.Debug("sink cannot write, trying again", "reason", reason, "attempts", m.trouble.attempts, "wait", wait, "error", err)
	}
	m.retryAt = now.Add(wait)
	m.prepared = false
	m.client.PauseFetchTopics(m.cfg.Topics.Results)
}

// resume reads on after an attempt succeeded.
func (m *member) resume() {
	m.log.Info("sink goes on", "attempts", m.trouble.attempts, "after", time.Since(m.trouble.since).Round(time.Millisecond))
	m.metrics.recovered(m.trouble.reason)
	m.trouble, m.retryAt = trouble{}, time.Time{}
	m.client.ResumeFetchTopics(m.cfg.Topics.Results)
}
