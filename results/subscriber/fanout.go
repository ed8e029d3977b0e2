package subscriber

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/pause"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Fanout puts what ends into the queues of those who want it. See the package comment.
type Fanout struct {
	cfg     FanoutConfig
	metrics *metrics
}

// NewFanout returns one that does nothing before Run.
func NewFanout(cfg FanoutConfig) (*Fanout, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure fan-out: %w", err)
	}
	if err := kgo.ValidateOpts(cfg.options()...); err != nil {
		return nil, fmt.Errorf("configure fan-out: Client: %w", err)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("register metrics of subscribers: %w", err)
	}
	return &Fanout{cfg: cfg, metrics: m}, nil
}

const (
	// retryAfter is the time before a member that failed joins again.
	retryAfter = time.Second
	// turnRecordsMax bounds the events of one transaction.
	turnRecordsMax = 10_000
	// fetchBytesMax bounds what is read ahead.
	fetchBytesMax = 16 << 20
	// batchBytesMax bounds a batch of a queue, unless one record is longer: who dequeues a block reads batches.
	batchBytesMax = 64 << 10
	// endTimeout bounds a transaction from its first record to its end.
	endTimeout = 30 * time.Second
)

func (c FanoutConfig) options() []kgo.Opt {
	return append(slices.Clip(c.Client),
		kgo.ConsumerGroup(c.Group),
		kgo.ConsumeTopics(c.Topics.Results),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(fetchBytesMax),
		kgo.TransactionalID(c.TransactionalID),
		kgo.TransactionTimeout(c.TransactionTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(batchBytesMax),
		kgo.MetadataMinAge(100*time.Millisecond), // a queue that was made a moment ago
	)
}

// Run works until ctx ends; then it finishes the transaction in hand and returns nil. An absent Kafka does not end it.
func (f *Fanout) Run(ctx context.Context) error {
	for {
		err := f.join(ctx)
		if ctx.Err() != nil {
			return nil
		}
		f.cfg.Log.Warn("fan-out to subscribers left its group, joining again", "error", err)
		f.metrics.failures.Inc()
		if pause.For(ctx, retryAfter) != nil {
			return nil
		}
	}
}

// join is a member of the group until ctx ends or the session cannot go on.
func (f *Fanout) join(ctx context.Context) error {
	m := &member{cfg: f.cfg, metrics: f.metrics}
	session, err := kgo.NewGroupTransactSession(append(f.cfg.options(),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, all map[string][]int32) { m.assigned(all) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, all map[string][]int32) { m.gone(all) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, all map[string][]int32) { m.gone(all) }))...)
	if err != nil {
		return fmt.Errorf("open Kafka client: %w", err)
	}
	m.session = session
	defer session.Close()
	tending, stop := context.WithCancel(context.WithoutCancel(ctx))
	var tender sync.WaitGroup
	tender.Go(func() { m.tend(tending) })
	defer tender.Wait()
	defer stop()
	defer f.metrics.behind(time.Time{})
	return m.run(ctx)
}

// member is one membership in the group.
type member struct {
	cfg     FanoutConfig
	metrics *metrics
	session *kgo.GroupTransactSession
	// first: it has the first partition of the results, and so tends all queues.
	first atomic.Bool
}

func (m *member) assigned(all map[string][]int32) {
	for _, p := range all[m.cfg.Topics.Results] {
		if p == 0 {
			m.first.Store(true)
		}
	}
}

func (m *member) gone(all map[string][]int32) {
	for _, p := range all[m.cfg.Topics.Results] {
		if p == 0 {
			m.first.Store(false)
		}
	}
}

// run takes turns until ctx ends, which is no error, or the session cannot go on.
func (m *member) run(ctx context.Context) error {
	for ctx.Err() == nil {
		began := time.Now()
		if err := m.turn(ctx); err != nil {
			return err
		}
		if err := pause.For(ctx, m.cfg.CommitEvery-time.Since(began)); err != nil {
			return nil // it was told to stop
		}
	}
	return nil
}

// turn reads what has come, and puts it where it belongs. An aborted transaction is no error: its events are read again.
func (m *member) turn(ctx context.Context) error {
	fetches := m.session.PollRecords(ctx, turnRecordsMax)
	if err := m.readable(fetches); err != nil || fetches.NumRecords() == 0 {
		return err
	}
	m.metrics.behind(oldest(fetches))
	// Whoever was made before an event was written is known now.
	if err := m.cfg.Control.CatchUp(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("hear who subscribes: %w", err)
	}
	// What has begun does not end with ctx; it bounds itself.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	return m.transact(ending, fetches)
}

// readable tells what of a poll the client does not mend by itself.
func (m *member) readable(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		var dataLoss *kgo.ErrDataLoss
		var session *kgo.ErrGroupSession
		switch {
		case errors.Is(e.Err, context.Canceled), errors.Is(e.Err, context.DeadlineExceeded):
		case errors.As(e.Err, &dataLoss), errors.As(e.Err, &session):
			m.cfg.Log.Warn("fan-out to subscribers was interrupted", "error", e.Err)
		default:
			return fmt.Errorf("read %s/%d: %w", e.Topic, e.Partition, e.Err)
		}
	}
	return nil
}

// oldest is when the first of the events was written.
func oldest(fetches kgo.Fetches) (at time.Time) {
	fetches.EachRecord(func(r *kgo.Record) {
		if at.IsZero() || r.Timestamp.Before(at) {
			at = r.Timestamp
		}
	})
	return at
}

// transact writes the events into the queues, and how far they are read, in one transaction.
func (m *member) transact(ctx context.Context, fetches kgo.Fetches) error {
	if err := m.session.Begin(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	queued, err := m.put(ctx, fetches)
	try := kgo.TryCommit
	if err != nil {
		m.cfg.Log.Warn("a queue was not written; all is tried again", "error", err, "remedy", remedyOf(err))
		m.metrics.failures.Inc()
		try = kgo.TryAbort
	}
	committed, err := m.session.End(ctx, try)
	if err != nil {
		return fmt.Errorf("end transaction: %w", err)
	}
	if committed {
		m.metrics.queued.Add(float64(queued))
		m.metrics.behind(time.Time{})
	}
	return nil
}

// remedyOf is what can be done about a queue that is not written.
func remedyOf(err error) string {
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return "somebody has deleted the topic of a queue; delete its subscriber, too: parley subscribers delete"
	}
	return "see what keeps the brokers"
}

// put produces the records of the queues, and returns how many there were when all are with the brokers.
func (m *member) put(ctx context.Context, fetches kgo.Fetches) (int, error) {
	all := audienceOf(m.cfg.Control.Subscribers())
	var first kgo.FirstErrPromise
	queued := 0
	fetches.EachRecord(func(r *kgo.Record) {
		transaction, topics := m.queuesFor(all, r)
		queued += len(topics)
		for _, topic := range topics {
			m.session.Produce(ctx, &kgo.Record{Topic: topic, Value: transaction}, first.Promise())
		}
	})
	if err := m.session.Client().Flush(ctx); err != nil {
		return queued, err
	}
	return queued, first.Err()
}

// queuesFor are the topics that an event belongs into, and the transaction that it is there: it is written once for all of them.
func (m *member) queuesFor(all audience, r *kgo.Record) (transaction schemas.QueuedTransaction, queues []string) {
	e := event{partition: r.Partition, offset: r.Offset, account: header(r, schemas.HeaderAccount), kind: header(r, schemas.HeaderType)}
	if !all.mayWant(e.account, e.kind) {
		return nil, nil
	}
	e.body = new(parleyv1.ResultEvent)
	err := proto.Unmarshal(r.Value, e.body)
	if err == nil {
		for _, s := range all[e.account] {
			if wants(s, e) {
				queues = append(queues, m.cfg.Topics.Subscriber(s.ID))
			}
		}
		if len(queues) == 0 {
			return nil, nil
		}
		transaction, err = transactionOf(e)
	}
	if err != nil {
		m.cfg.Log.Warn("an event cannot be read; no queue has it, and the sink puts it aside", "partition", r.Partition, "offset", r.Offset, "error", err)
		return nil, nil
	}
	return transaction, queues
}

// transactionOf is an event as it lies in queues.
func transactionOf(e event) (schemas.QueuedTransaction, error) {
	t, err := schemas.TransactionOf(e.kind, e.body)
	if err != nil {
		return nil, err
	}
	return t.Queued()
}

// header is the value of the first header of that name; empty: there is none.
func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}
