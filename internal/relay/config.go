package relay

import (
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// Config is what a Relay is made of. Fields without a default are required.
type Config struct {
	// Kafka connects to the cluster: seed brokers, and SASL or TLS where needed; and names the topics unless More does.
	Kafka []kgo.Opt
	// Group is the consumer group whose members share the topics.
	Group string
	// Dead is the topic for records that nothing can be made of.
	Dead string
	// Make says what is to be written in the place of a record. It is called by one goroutine at a time, with the
	// records of a partition in their order, and perhaps again with a record that it has seen.
	Make func(Record) Made
	// Count is told what became of a record once that is written.
	Count func(topic, became string)
	// More returns topics that are to be read beside those that it has returned before; it is called now and then. The
	// group is joined when there is one. Nil: Kafka names the topics.
	More func() []string
	// Lag is told now and then how many records of each topic are still to be passed on, of the partitions that this
	// member has. It is called by one goroutine at a time, with a map of its own. Nil: nobody asks.
	Lag func(map[string]int64)
	// Interval is the time between two calls of More, and of Lag. Default: 1 s.
	Interval time.Duration
	// Log receives what operators should know. Default: slog.Default.
	Log *slog.Logger
}

// Record is one that was read.
type Record struct {
	*kgo.Record
	// TopicID tells its topic from one of the same name that was there before. Zero where brokers have no such ids.
	TopicID [16]byte
}

// Made is what becomes of a record: one of Record and Dead is set.
type Made struct {
	// Record is written; its partition is set.
	Record *kgo.Record
	// Became is the word that Count is given for it.
	Became string
	// Dead says why nothing can be made of the record. It is written to the topic for those, and Count is given
	// BecameDead.
	Dead *schemas.Problem
}

// BecameDead is what Count is given for a record that nothing could be made of.
const BecameDead = "dead"

func (c Config) withDefaults() Config {
	if c.Interval == 0 {
		c.Interval = time.Second
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	require := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	require(len(c.Kafka) > 0, "kafka: no options, at least the brokers are needed")
	require(c.Group != "", "group: required")
	require(c.Dead != "", "dead: required")
	require(c.Make != nil && c.Count != nil, "make and count: required")
	require(c.Interval >= 0, "interval: not negative")
	return errors.Join(errs...)
}
