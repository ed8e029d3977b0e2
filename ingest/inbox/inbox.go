// Package inbox takes the calls of tenants that are not trusted with parley.calls. Each has a topic of its own,
// parley.in.ACCOUNT, which the brokers let it alone write to; the name of the topic says whose its records are, whatever
// they say themselves. What is in order goes to parley.calls, as if it had come by POST /v1/calls:
//
//	parley.in.acme ─▶ inbox ─▶ parley.calls   calls, answers to deferred calls, cancels
//	                    │  └─▶ parley.calls   a call that is refused, with the reason: it becomes a Rejected result
//	                    └────▶ parley.dead    what cannot be read, or identified, with the reason
//
// Topics are found by their names as they are made. All processes with the role are one consumer group and share the
// partitions. An offset is committed once the brokers have what was made of the record; after a crash it is made again,
// and is the same call: its request id is derived from its content, from the id that it was given, or from its place in
// the topic.
package inbox

import (
	"context"
	"fmt"
	"regexp"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/relay"
)

// Reader reads the topics of all tenants, as a member of a consumer group.
type Reader struct {
	relay *relay.Relay
}

// New returns a Reader that does nothing until Run. Its error says everything that is wrong with the configuration.
func New(cfg Config) (*Reader, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("check config of inbox: %w", err)
	}
	m := newMetrics(cfg.Metrics)
	r, err := relay.New(relay.Config{
		Kafka: append([]kgo.Opt{
			kgo.ConsumeRegex(),
			kgo.ConsumeTopics("^" + regexp.QuoteMeta(cfg.Topics.Inboxes) + "[A-Za-z0-9._-]{1,64}$"),
			kgo.MetadataMaxAge(cfg.Discover),
			kgo.MetadataMinAge(min(cfg.Discover, metadataMinAge)),
		}, cfg.Kafka...),
		Group:    cfg.Group,
		Dead:     cfg.Topics.Dead,
		Make:     cfg.forward,
		Count:    m.count,
		Lag:      m.showLag,
		Interval: cfg.Interval,
		Log:      cfg.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("read inboxes: %w", err)
	}
	return &Reader{relay: r}, nil
}

// Run reads until ctx ends, and then returns nil. It is called once. Brokers that are away are waited for; the error is
// that of a client that cannot be made.
func (r *Reader) Run(ctx context.Context) error { return r.relay.Run(ctx) }
