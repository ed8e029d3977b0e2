package subscriber

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/control"
	"parley/internal/topics"
	"parley/schemas"
)

// Control is where subscribers, and what they have acknowledged, are agreed on.
type Control interface {
	// CatchUp returns when everything is heard that anybody has said before.
	CatchUp(ctx context.Context) error
	Subscriber(id schemas.SubscriberID) *control.Subscriber
	Subscribers() []*control.Subscriber
	PutSubscriber(ctx context.Context, s control.Subscriber) error
	Queue(id schemas.SubscriberID) control.Queue
	AdvanceQueue(ctx context.Context, q control.Queue) error
}

// FanoutConfig configures a Fanout.
type FanoutConfig struct {
	// Client says how to reach Kafka: brokers, TLS, SASL, and a static InstanceID where one is wanted. Required.
	Client []kgo.Opt
	// Topics are those of this Parley. Required.
	Topics schemas.Topics
	// Group is the consumer group whose members share the partitions of the results. Required.
	Group string
	// TransactionalID is that of this process, the same after a restart. Required.
	TransactionalID string
	// TransactionTimeout is after how long brokers give up a transaction of a process that is gone. Required.
	TransactionTimeout time.Duration
	Control            Control
	// CommitEvery is the least time between the commits of two transactions under load. Zero: 250 ms.
	CommitEvery time.Duration
	// TendEvery is the time between two rounds in which one of the members measures all queues, gives room back, and deletes the
	// topics of subscribers that are deleted. Zero: 5 s.
	TendEvery time.Duration
	// DropAfter is how long the topic of a deleted subscriber stays: longer than any transaction that writes to it. Zero:
	// twice TransactionTimeout.
	DropAfter time.Duration
	// Log is told of what an operator may want to know. Required.
	Log *slog.Logger
	// Registerer receives the metrics parley_subscriber_*. Nil: they are not exported.
	Registerer prometheus.Registerer
}

func (c FanoutConfig) withDefaults() FanoutConfig {
	c.CommitEvery = cmp.Or(c.CommitEvery, 250*time.Millisecond)
	c.TendEvery = cmp.Or(c.TendEvery, 5*time.Second)
	c.DropAfter = cmp.Or(c.DropAfter, 2*c.TransactionTimeout)
	return c
}

func (c FanoutConfig) validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(len(c.Client) > 0, "Client: no options, at least the brokers are needed")
	need(c.Topics.Results != "", "Topics: no results")
	need(c.Group != "" && c.TransactionalID != "", "Group, TransactionalID: they need a name")
	need(c.TransactionTimeout > 0, "TransactionTimeout: %v is not positive", c.TransactionTimeout)
	need(c.Control != nil, "Control: nobody says who subscribes")
	need(c.CommitEvery > 0 && c.TendEvery > 0 && c.DropAfter > 0, "CommitEvery, TendEvery, DropAfter: %v, %v, %v are not all positive", c.CommitEvery, c.TendEvery, c.DropAfter)
	need(c.Log != nil, "Log: there is none")
	return errors.Join(errs...)
}

// QueuesConfig configures Queues. Every field is required but Now.
type QueuesConfig struct {
	// Client reaches Kafka. Whoever made it closes it.
	Client *kgo.Client
	// Spec is what the topics of queues are made like.
	Spec    topics.Spec
	Control Control
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}
