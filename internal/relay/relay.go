// Package relay passes records on. As a member of a consumer group it reads topics, writes another record in the place
// of each, and commits the offset of a record once the brokers have what was made of it. So no record is lost, and one
// may be passed on twice: what is made of it must bear that.
//
//	read ─▶ make ─▶ write, acks=all ─▶ commit
//	          └──▶ the topic of the dead, with the reason
//
// Of one partition, what is made goes out in the order in which it was read. Brokers that are away, or refuse, are waited
// for: until then no more is read than fits into two fetches, and the group keeps its member unless it takes longer than
// the rebalance timeout.
package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/pause"
	"parley/internal/topics"
)

// Relay passes records on until it is told to end.
type Relay struct {
	cfg Config
	// topics are those that More has named. They are read until the process ends.
	topics []string
	unread *unread
}

// New returns a Relay that does nothing until Run. Its error says everything that is wrong with the configuration.
func New(cfg Config) (*Relay, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Relay{cfg: cfg, unread: &unread{log: cfg.Log, group: cfg.Group, said: make(map[place]time.Time)}}, nil
}

const (
	// fetchBytesMax bounds the records that one broker sends at a time, unless one alone is longer.
	fetchBytesMax = topics.MessageBytesMax
	// fetchesMax bounds the fetches that are under way or wait to be passed on.
	fetchesMax = 2
	// decompressMax bounds a batch: what its sender has compressed well must not fill the memory.
	decompressMax = 4 * topics.MessageBytesMax
	// recordsMax bounds the records that are in hand between two commits.
	recordsMax = 1_000
	// retryPause is between two tries of a request.
	retryPause = 250 * time.Millisecond
	// commitTimeout bounds the commit of what has been passed on, also when the relay is about to end.
	commitTimeout = 5 * time.Second
	// leaveTimeout bounds the last word to the group. Without it the others wait until the session times out.
	leaveTimeout = time.Second
)

// Run passes records on until ctx ends, and then returns nil. It is called once. The error is that of a client that
// cannot be made.
func (r *Relay) Run(ctx context.Context) error {
	if !r.await(ctx) {
		return nil
	}
	for ctx.Err() == nil {
		if err := r.member(ctx); err != nil {
			return err
		}
	}
	return nil
}

// await returns true as soon as there is a topic to read, and false when ctx ends.
func (r *Relay) await(ctx context.Context) bool {
	for r.cfg.More != nil && len(r.more()) == 0 {
		if pause.For(ctx, r.cfg.Interval) != nil {
			return false
		}
	}
	return true
}

// more returns the topics that are new.
func (r *Relay) more() []string {
	if r.cfg.More == nil {
		return nil
	}
	found := r.cfg.More()
	r.topics = append(r.topics, found...)
	return found
}

// member is one membership in the group. It ends with ctx, or when a topic was made anew: a client does not follow it.
func (r *Relay) member(ctx context.Context) error {
	h := &held{partitions: make(map[string]map[int32]bool)}
	client, err := kgo.NewClient(append(append(h.options(),
		kgo.ConsumerGroup(r.cfg.Group),
		kgo.ConsumeTopics(r.topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(fetchBytesMax),
		kgo.MaxConcurrentFetches(fetchesMax),
		kgo.MaxDecompressBatchBytes(decompressMax),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), // what is in hand is committed before another member reads on
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchMaxBytes(topics.MessageBytesMax),
		kgo.ProducerLinger(0),
		kgo.RetryBackoffFn(func(int) time.Duration { return retryPause }), // what is given up is let go at the next try
	), r.cfg.Kafka...)...)
	if err != nil {
		return fmt.Errorf("join group %s: %w", r.cfg.Group, err)
	}
	defer client.CloseAllowingRebalance()
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if r.cfg.Lag != nil {
		watching.Go(func() { r.watch(ctx, client, h) })
	}
	for ctx.Err() == nil && r.step(ctx, client) {
	}
	r.leave(context.WithoutCancel(ctx), client)
	return nil
}

// step takes the records that are there, or waits a while for some, and passes them on. false: the client is of no use
// any more.
func (r *Relay) step(ctx context.Context, client *kgo.Client) bool {
	defer client.AllowRebalance()
	client.AddConsumeTopics(r.more()...)
	polling, cancel := context.WithTimeout(ctx, r.cfg.Interval)
	defer cancel()
	fetches := client.PollRecords(polling, recordsMax)
	useful := true
	fetches.EachError(func(topic string, partition int32, err error) {
		if polling.Err() != nil {
			return
		}
		useful = useful && !errors.Is(err, kerr.UnknownTopicID)
		r.unread.say(place{topic, partition}, err)
	})
	if !r.pass(ctx, client, fetches) {
		return useful
	}
	committing, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := client.CommitRecords(committing, fetches.Records()...); err != nil {
		r.cfg.Log.Warn("records that were passed on are not committed, and may be passed on again", "group", r.cfg.Group, "error", err)
	}
	return useful
}
