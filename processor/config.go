package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"parley/internal/route"
	"parley/internal/token"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/notify"
	"parley/processor/store"
	"parley/schemas"
)

// Config is what a Processor is made of. Fields without a default are required.
type Config struct {
	// Kafka connects to the cluster: seed brokers, and SASL or TLS where needed.
	Kafka []kgo.Opt
	// Hooks are those of the client that reads calls and writes turns: there is one at a time.
	Hooks []kgo.Hook
	// Topics names the topics; Partitions and ResultPartitions count those of Calls (and State) and of Results.
	Topics           schemas.Topics
	Partitions       int32
	ResultPartitions int32
	// Group is the consumer group; Instance names this member in it and its transactions, uniquely among the
	// members and the same after a restart.
	Group    string
	Instance string
	// SinkGroup is the consumer group of the results sink: what it has committed is in the record.
	SinkGroup string
	// StoreDir is the folder of the local state. StoreFS is the file system that it lies in; nil: the operating
	// system's.
	StoreDir string
	StoreFS  store.FS
	// Routes says which backend takes a call, Executor carries it out.
	Routes   *route.Current
	Executor Executor
	// Senders tell receivers of the ends of calls and conversations, by type of response: see the package notify.
	Senders map[string]notify.Sender
	// Paused reports whether the route of a name is in maintenance: nothing begins on it. It is asked often, from many
	// goroutines. Nil: no route ever is.
	Paused func(route string) bool
	// Tokens signs and verifies the tokens of deferred calls.
	Tokens *token.Signer
	// Limits bound the calls that are read from the log.
	Limits schemas.Limits
	// PartTimeout is the longest time between two new parts of a conversation. Default: 5 minutes.
	PartTimeout time.Duration
	// KeepFailed is how long the unfinished parts of a conversation that failed are kept for a resubmission. Default:
	// 7 days.
	KeepFailed time.Duration
	// KeepSingle is how long the id of a call without a ConversationID is remembered after its end, so that a resend is
	// known as one. Default: 7 days. KeepConversation is the same for a ConversationID. Default: for ever.
	KeepSingle       time.Duration
	KeepConversation time.Duration
	// ForwardGrace is how much longer a conversation waits for a part that was sent to the wrong partition and is
	// being forwarded. Default: 60 s.
	ForwardGrace time.Duration
	// TrimAfter is how long a record of the calls is kept at the least, for those who look back; one that has not been
	// applied is kept whatever its age. Zero: all are kept.
	TrimAfter time.Duration
	// SessionTimeout is after how long without a heartbeat the group gives the partitions to others, and
	// TransactionTimeout after how long the broker aborts an open transaction. Default: 15 s each.
	SessionTimeout     time.Duration
	TransactionTimeout time.Duration
	// RecordsMax bounds the records of one turn. Default: 4,096.
	RecordsMax int
	// AdmittedMax bounds the conversations that wait in memory for their execution; the others wait in the store.
	// Default: 50,000.
	AdmittedMax int
	// Tracer begins the spans of attempts. Nil: none are made; the traces that calls belong to are carried on all the same.
	Tracer trace.Tracer
	// Log receives what operators should know. Default: slog.Default.
	Log *slog.Logger
	// Metrics receives the processor's metrics; nil: none are kept.
	Metrics prometheus.Registerer
}

// Executor makes one attempt at a call.
type Executor interface {
	Execute(context.Context, *route.Route, executor.Request) conversation.Outcome
}

func (c Config) withDefaults() Config {
	setDefault(&c.PartTimeout, 5*time.Minute)
	setDefault(&c.KeepFailed, 7*24*time.Hour)
	setDefault(&c.KeepSingle, 7*24*time.Hour)
	setDefault(&c.ForwardGrace, time.Minute)
	setDefault(&c.SessionTimeout, 15*time.Second)
	setDefault(&c.TransactionTimeout, 15*time.Second)
	setDefault(&c.RecordsMax, 4096)
	setDefault(&c.AdmittedMax, 50_000)
	setDefault(&c.Log, slog.Default())
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	require(c.Partitions > 0 && c.Partitions <= schemas.PartitionsMax, "partitions: from 1 to %d, not %d", schemas.PartitionsMax, c.Partitions)
	require(c.ResultPartitions > 0 && c.Partitions%max(1, c.ResultPartitions) == 0,
		"result partitions: a divisor of the %d partitions, not %d", c.Partitions, c.ResultPartitions)
	require(c.Topics != schemas.Topics{}, "topics: required")
	require(c.Group != "" && c.Instance != "" && c.SinkGroup != "", "group, instance and sink group: required")
	require(c.StoreDir != "", "store folder: required")
	require(c.Routes != nil && c.Executor != nil && c.Tokens != nil, "routes, executor and tokens: required")
	errs = append(errs, c.Limits.Check())
	require(c.KeepFailed >= 0 && c.KeepSingle >= 0 && c.KeepConversation >= 0, "times to keep: not negative")
	require(c.PartTimeout >= 0 && c.ForwardGrace >= 0 && c.TrimAfter >= 0, "part timeout, forward grace and the time to look back: not negative")
	return errors.Join(errs...)
}
