package inbox

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
	// Group is the consumer group whose members share the topics of the tenants.
	Group string
	// Routes say which calls anybody takes; Tokens, which answers are to a call.
	Routes *route.Current
	Tokens *token.Signer
	// Limits bound one call. Default: schemas.DefaultLimits.
	Limits schemas.Limits
	// Discover is the time after which a new topic is found at the latest. Default: 5 s.
	Discover time.Duration
	// Interval is the time between two looks at the lag. Default: 5 s.
	Interval time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Log receives what operators should know. Default: slog.Default.
	Log *slog.Logger
	// Metrics receives the metrics parley_inbox_*; nil: none are kept.
	Metrics prometheus.Registerer
}

// metadataMinAge is how soon a client looks again at where partitions are, after something went wrong.
const metadataMinAge = 250 * time.Millisecond

func (c Config) withDefaults() Config {
	if c.Limits == (schemas.Limits{}) {
		c.Limits = schemas.DefaultLimits()
	}
	if c.Discover == 0 {
		c.Discover = 5 * time.Second
	}
	if c.Interval == 0 {
		c.Interval = 5 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

func (c Config) validate() error {
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
	require(c.Discover >= discoverMin, "discover: at least %s, not %s", discoverMin, c.Discover)
	require(c.Interval > 0, "interval: positive, not %s", c.Interval)
	return errors.Join(errs...)
}

// discoverMin is more often than brokers like to be asked for all topics.
const discoverMin = 10 * time.Millisecond
