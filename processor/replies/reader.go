// Package replies reads what backends answer by Kafka. A route of the kafka executor may name a reply topic; each record
// there becomes an answer record on parley.calls, on the partition that its token names, where the call's owner finds
// it. A reply that is none, or whose token is not good, goes to parley.dead with the reason.
//
// An offset is committed after the brokers have acknowledged what was made of the record, so that no reply is lost. One
// may become two answers: the second one changes nothing.
package replies

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/internal/topics"
	"parley/schemas"
)

// Reader reads the reply topics of all routes, as a member of a consumer group.
type Reader struct {
	cfg     Config
	metrics *metrics
	// topics are those that are read. One that no route names any more is read on until the process ends: it may hold
	// answers to calls that were sent before.
	topics []string
}

// New returns a Reader that does nothing until Run. The error is that of Config.Validate.
func New(cfg Config) (*Reader, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check config of replies: %w", err)
	}
	return &Reader{cfg: cfg, metrics: newMetrics(cfg.Metrics)}, nil
}

// Run reads until ctx ends, and then returns nil. It is called once. Brokers that are away are waited for; the error is
// that of a client that cannot be made.
func (r *Reader) Run(ctx context.Context) error {
	if !r.await(ctx) {
		return nil
	}
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.ConsumerGroup(r.cfg.Group),
		kgo.ConsumeTopics(r.topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(fetchBytesMax),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), // what is in hand is committed before another member reads on
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchMaxBytes(topics.MessageBytesMax),
		kgo.ProducerLinger(0),
	}, r.cfg.Kafka...)...)
	if err != nil {
		return fmt.Errorf("join group %s: %w", r.cfg.Group, err)
	}
	defer client.CloseAllowingRebalance()
	for ctx.Err() == nil {
		r.step(ctx, client)
	}
	return nil
}

const (
	// fetchBytesMax bounds the replies that one broker sends at a time: two of the longest.
	fetchBytesMax = 2 * schemas.AnswerBytesMax
	// recordsMax bounds the replies that are in hand between two commits.
	recordsMax = 1_000
	// commitTimeout bounds the commit of what has been passed on, also when the reader is about to end.
	commitTimeout = 5 * time.Second
)

// await returns true as soon as a route names a reply topic, and false when ctx ends.
func (r *Reader) await(ctx context.Context) bool {
	for len(r.more()) == 0 {
		if !wait(ctx, r.cfg.Interval) {
			return false
		}
	}
	return true
}

// more adds the reply topics of the table in force to those that are read, and returns the new ones.
func (r *Reader) more() []string {
	var found []string
	for _, rt := range r.cfg.Routes.Table().Routes() {
		name := rt.Executor.ReplyTopic
		if rt.Executor.Type == route.Kafka && name != "" && !slices.Contains(r.topics, name) {
			r.topics = append(r.topics, name)
			found = append(found, name)
		}
	}
	if len(found) > 0 {
		r.cfg.Log.Info("replies are read", "topics", found)
	}
	return found
}

// step takes the replies that are there, or waits a while for some, and passes them on.
func (r *Reader) step(ctx context.Context, client *kgo.Client) {
	defer client.AllowRebalance()
	client.AddConsumeTopics(r.more()...)
	polling, cancel := context.WithTimeout(ctx, r.cfg.Interval)
	defer cancel()
	fetches := client.PollRecords(polling, recordsMax)
	fetches.EachError(func(topic string, partition int32, err error) {
		if polling.Err() == nil {
			r.cfg.Log.Warn("replies cannot be read", "topic", topic, "partition", partition, "error", err)
		}
	})
	replies := fetches.Records()
	if len(replies) == 0 || !r.pass(ctx, client, replies) {
		return
	}
	committing, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := client.CommitRecords(committing, replies...); err != nil {
		r.cfg.Log.Warn("replies are not committed, and may be read again", "error", err)
	}
}

// wait returns true after d, and false when ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
