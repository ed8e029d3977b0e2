package replies

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/internal/token"
	"parley/schemas"
)

// Config is what a Reader is made of. Fields without a default are required.
type Config struct {
	// Kafka connects to the cluster: seed brokers, and SASL or TLS where needed.
	Kafka []kgo.Opt
	// Topics names Parley's topics; Partitions counts those of Calls.
	Topics     schemas.Topics
	Partitions int32
	// Group is the consumer group whose members share the reply topics.
	Group string
	// Routes name the reply topics; Tokens says whether a reply's token is good.
	Routes *route.Current
	Tokens *token.Signer
	// Interval is the time between two looks at the routes. Default: 1 s.
	Interval time.Duration
	// Log receives what operators should know. Default: slog.Default.
	Log *slog.Logger
	// Metrics receives the metrics parley_replies_*; nil: none are kept.
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if c.Interval == 0 {
		c.Interval = time.Second
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	require(len(c.Kafka) > 0, "kafka: no options, at least the brokers are needed")
	require(c.Topics != schemas.Topics{}, "topics: required")
	require(c.Partitions > 0 && c.Partitions <= schemas.PartitionsMax, "partitions: from 1 to %d, not %d", schemas.PartitionsMax, c.Partitions)
	require(c.Group != "", "group: required")
	require(c.Routes != nil && c.Tokens != nil, "routes and tokens: required")
	require(c.Interval >= 0, "interval: not negative")
	return errors.Join(errs...)
}
