package sink

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/certs"
	"parley/results/record"
	"parley/schemas"
)

// Config configures a Sink.
type Config struct {
	// Client says how to reach Kafka: brokers, TLS, SASL, and a static InstanceID where one is wanted. Required.
	Client []kgo.Opt
	// Hooks see what the client of the member does, and none of the clients that only look how far behind the sink is.
	Hooks []kgo.Hook
	// Topics names the topics to read and, for what cannot be stored, to write. Zero: schemas.TopicsOf("parley").
	Topics schemas.Topics
	// DSN names the ClickHouse database, which need not be there yet. Required; see record.ParseDSN.
	DSN string
	// Certs are what a DSN with secure=true is reached with. Nil: the authorities of the system.
	Certs *certs.Client
	// Schema is what Run makes of the database before it stores anything. Zero: tables on one server, all kept.
	Schema record.Schema
	// Group is the consumer group whose members share the partitions. Zero: "parley.sink".
	Group string
	// OtherGroups read the results, too: what they have not passed is not deleted from the log.
	OtherGroups []string
	// BlockRowsMax bounds the rows of a block: it is full with the event that reaches it, at most 1,000 rows later.
	// Zero: 100,000. At most 1,000,000: what ClickHouse takes as one block.
	BlockRowsMax int
	// BlockBytesMax bounds the bytes of a block's events, as BlockRowsMax does the rows. Zero: 16 MiB.
	BlockBytesMax int
	// BlockWait is how long an event waits for others at most before its block is written. Zero: 200 ms.
	BlockWait time.Duration
	// InsertTimeout bounds an attempt to plan and insert one block per partition. Rebalances wait for it. Zero: 10 s;
	// at most 20 s, which leaves room within Kafka's rebalance timeout of 60 s.
	InsertTimeout time.Duration
	// RetryMax bounds the time between two attempts while ClickHouse or Kafka refuses. Zero: 5 s.
	RetryMax time.Duration
	// TrimAfter is how long an event is kept in the log at the least, for those who look back; one that is not stored is
	// kept whatever its age. Zero: all are kept.
	TrimAfter time.Duration
	// Log is told of what an operator may want to know. Nil: slog.Default().
	Log *slog.Logger
	// Registerer receives the metrics parley_sink_*. Nil: they are not exported.
	Registerer prometheus.Registerer
}

// What BlockRowsMax and InsertTimeout may be at the most.
const (
	BlockRowsCeiling     = 1_000_000
	InsertTimeoutCeiling = 20 * time.Second
)

func (c Config) withDefaults() Config {
	c.Topics = cmp.Or(c.Topics, schemas.TopicsOf("parley"))
	c.Group = cmp.Or(c.Group, "parley.sink")
	c.BlockRowsMax = cmp.Or(c.BlockRowsMax, 100_000)
	c.BlockBytesMax = cmp.Or(c.BlockBytesMax, 16<<20)
	c.BlockWait = cmp.Or(c.BlockWait, 200*time.Millisecond)
	c.InsertTimeout = cmp.Or(c.InsertTimeout, 10*time.Second)
	c.RetryMax = cmp.Or(c.RetryMax, 5*time.Second)
	c.Log = cmp.Or(c.Log, slog.Default())
	return c
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	c = c.withDefaults()
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	check(len(c.Client) > 0, "Client: no options, at least the brokers are needed")
	check(c.BlockRowsMax > 0 && c.BlockRowsMax <= BlockRowsCeiling, "BlockRowsMax: %d is not within 1 and %d", c.BlockRowsMax, BlockRowsCeiling)
	check(c.BlockBytesMax > 0, "BlockBytesMax: %d is not positive", c.BlockBytesMax)
	check(c.BlockWait > 0, "BlockWait: %v is not positive", c.BlockWait)
	check(c.InsertTimeout > 0 && c.InsertTimeout <= InsertTimeoutCeiling, "InsertTimeout: %v is not within 0 and %v", c.InsertTimeout, InsertTimeoutCeiling)
	check(c.TrimAfter >= 0, "TrimAfter: %v is negative", c.TrimAfter)
	check(c.RetryMax > 0, "RetryMax: %v is not positive", c.RetryMax)
	if _, err := record.ParseDSN(c.DSN, c.Certs); err != nil {
		problems = append(problems, fmt.Errorf("DSN: %w", err))
	}
	if err := c.Schema.Validate(); err != nil {
		problems = append(problems, fmt.Errorf("schema: %w", err))
	}
	return errors.Join(problems...)
}
