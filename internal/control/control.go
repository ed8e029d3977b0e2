// Package control knows what all processes of Parley must agree on while they run. It is kept in the control topic,
// which has one partition and is compacted: the last record of a key is what holds, and one without a value takes the
// key back. Every process follows the topic and hears of a change within a moment; one that starts reads it first.
//
//	key                   value
//	layout                how the topics are divided: package topics
//	maintenance/{route}   {"version": 1, "route", "reason", "by", "since", "until"?}
//	key/{id}              {"version": 1, "id", "account", "name"?, "scopes", "sha256", "created", "expires"?, "revoked"?, "by"}
//	account/{account}     {"version": 1, "account", "rate"?, "burst"?, "openCalls"?, "stagedBytes"?, "by", "since"}
//	callback-secrets/{account}
//	                      {"version": 1, "account", "secrets": [{"secret", "created", "retires"?}], "by"}
//	callback-first/{account}/{id}
//	                      the same: made for an account that had none; the first counts, until callback-secrets is there
//	callback-disabled/{account}/{SHA-256 of address}
//	                      {"version": 1, "account", "address", "since"}
//	subscriber/{id}       {"version": 1, "id", "account", "name", "transactionTypes", "objectTypes"?, …, "created", "deleted"?, "by"}
//	queue/{id}/{instance} {"version": 1, "subscriber", "acknowledged", "handedOut", "dequeued"}: of each the most is what holds
//
// A version of Parley that does not know a key leaves it alone; so it does, with a warning, with a value of a version
// that is later than its own. But an API key of which it cannot read the last word is good no more: that may be its end.
package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/account"
	"parley/internal/pause"
)

// Config is what a Control is made of. Every field but Instance is required.
type Config struct {
	// Kafka connects to the cluster: seed brokers, and SASL or TLS where needed.
	Kafka []kgo.Opt
	// Topic is the control topic, which exists.
	Topic string
	// Instance names this process among those that run, the same after a restart. Only who calls AdvanceQueue needs it.
	Instance string
	// Log receives what operators should know.
	Log *slog.Logger
}

// Control is what is in the control topic. It is safe for concurrent use. While Kafka is away it stays as it was.
type Control struct {
	topic    string
	instance string
	client   *kgo.Client
	log      *slog.Logger

	maintenances kind[Maintenance]
	keys         kind[account.Key]
	terms        kind[account.Terms]

	callbackSecrets kind[account.CallbackSecrets]
	firstSecrets    firstSecrets
	disabledTargets kind[account.DisabledTarget]
	// makesSecret has one place, for who makes a first secret.
	makesSecret chan struct{}

	read position

	subscribers kind[Subscriber]
	queues      queues
}

// follower takes in the records of a kind.
type follower interface {
	begins() string
	apply(name string, r *kgo.Record) (logChange func())
}

func (c *Control) kinds() []follower {
	return []follower{&c.maintenances, &c.keys, &c.terms, &c.callbackSecrets, &c.firstSecrets, &c.disabledTargets, &c.subscribers, &c.queues}
}

// Open reads what is in the control topic now. From then on Run must be called to hear of changes, and Close at the
// end. Its error says that Kafka does not answer before ctx ends, or does not give the topic.
func Open(ctx context.Context, cfg Config) (*Control, error) {
	client, err := kgo.NewClient(append(append([]kgo.Opt(nil), cfg.Kafka...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), // whoever writes waits for it
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{cfg.Topic: {0: kgo.NewOffset().AtStart()}}))...)
	if err != nil {
		return nil, fmt.Errorf("configure Kafka client of control: %w", err)
	}
	c := &Control{topic: cfg.Topic, instance: cfg.Instance, client: client, log: cfg.Log, makesSecret: make(chan struct{}, 1)}
	c.maintenances = c.kindMaintenance()
	c.keys = c.kindKey()
	c.terms = c.kindTerms()
	c.callbackSecrets = c.kindCallbackSecrets()
	c.firstSecrets.log = cfg.Log
	c.disabledTargets = c.kindDisabledTarget()
	c.subscribers = c.kindSubscriber()
	c.queues.log = cfg.Log
	if err := c.catchUp(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("read %s: %w", cfg.Topic, err)
	}
	c.logMaintenances()
	return c, nil
}

// Close ends everything that Control does with Kafka. It may be called more than once.
func (c *Control) Close() { c.client.Close() }

// ErrNoTopic says that nothing was ever agreed on in this cluster: no Parley was served there.
var ErrNoTopic = errors.New("the brokers do not know the topic")

// catchUp reads to what is now the end. The last record of a log is never compacted away, so the end is always seen.
func (c *Control) catchUp(ctx context.Context) error {
	ends, err := kadm.NewClient(c.client).ListEndOffsets(ctx, c.topic)
	if err != nil {
		return fmt.Errorf("list end: %w", err)
	}
	end, ok := ends.Lookup(c.topic, 0)
	if !ok {
		return ErrNoTopic
	}
	if errors.Is(end.Err, kerr.UnknownTopicOrPartition) {
		return ErrNoTopic
	}
	if end.Err != nil {
		return fmt.Errorf("list end: %w", end.Err)
	}
	for at := int64(0); at < end.Offset; {
		fetches := c.client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at = r.Offset + 1
			c.apply(r)
			c.read.move(r.Offset)
		})
	}
	return nil
}

// apply takes in a record, and returns what logs the change; nil: it is of a kind that is not known here, or changes
// nothing.
func (c *Control) apply(r *kgo.Record) (logChange func()) {
	for _, k := range c.kinds() {
		if name, ok := strings.CutPrefix(string(r.Key), k.begins()); ok {
			return k.apply(name, r)
		}
	}
	return nil
}

// hear takes in a record, and logs what it changes.
func (c *Control) hear(r *kgo.Record) {
	if logChange := c.apply(r); logChange != nil {
		logChange()
	}
}

// hearOwn takes in a record that this process has written.
func (c *Control) hearOwn(r *kgo.Record) {
	c.hear(r)
	c.read.wrote(r.Offset)
}

// retryPause is the time between two looks at a topic that cannot be read.
const retryPause = time.Second

// Run follows the topic until ctx ends, and returns nil. It is called once.
func (c *Control) Run(ctx context.Context) error {
	for {
		fetches := c.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		fetches.EachRecord(func(r *kgo.Record) {
			c.hear(r)
			c.read.move(r.Offset)
		})
		if err := fetches.Err(); err != nil {
			c.log.Warn("control topic not read; what it said last stays in force", slog.Any("error", err))
			if pause.For(ctx, retryPause) != nil {
				return nil
			}
		}
	}
}

// write appends a record, and returns when it is in the log and applied here. When ctx ends before, nobody knows; to
// write the same again does no harm.
func (c *Control) write(ctx context.Context, key string, value []byte) error {
	_, err := c.produce(ctx, key, value, c.hearOwn)
	return err
}

// append appends a record, and returns its offset when it is in the log. It is applied when it is read.
func (c *Control) append(ctx context.Context, key string, value []byte) (offset int64, _ error) {
	return c.produce(ctx, key, value, func(*kgo.Record) {})
}

// produce appends a record, and has done called when it is in the log, also when ctx has ended before.
func (c *Control) produce(ctx context.Context, key string, value []byte, done func(*kgo.Record)) (offset int64, _ error) {
	return c.written(ctx, c.begin(ctx, &kgo.Record{Key: []byte(key), Value: value}, done))
}

// written is what came of a record.
type written struct {
	offset int64
	err    error
}

// begin hands a record to the client, behind those that it has, and has done called when it is in the log.
func (c *Control) begin(ctx context.Context, r *kgo.Record, done func(*kgo.Record)) <-chan written {
	came := make(chan written, 1) // nobody may wait for it any more
	r.Topic, r.Partition = c.topic, 0
	c.client.Produce(ctx, r, func(r *kgo.Record, err error) {
		if err == nil {
			done(r)
		}
		came <- written{r.Offset, err}
	})
	return came
}

// written waits for what comes of a record, until ctx ends.
func (c *Control) written(ctx context.Context, came <-chan written) (offset int64, _ error) {
	select {
	case w := <-came:
		if w.err != nil {
			return 0, fmt.Errorf("write %s: %w", c.topic, w.err)
		}
		return w.offset, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("write %s: %w", c.topic, ctx.Err())
	}
}
