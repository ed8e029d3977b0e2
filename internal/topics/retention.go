package topics

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Retention is how long a topic keeps its records, as it is set up.
type Retention struct {
	// Time is after how long the broker deletes a record. Zero: it does not for its age.
	Time time.Duration
	// Compacted: a record is deleted when another has come with its key, within CompactedWithin. Zero: some time.
	Compacted       bool
	CompactedWithin time.Duration
}

// Retentions asks for the retention of topics. One that is not there is left out.
func Retentions(ctx context.Context, client *kgo.Client, names ...string) (map[string]Retention, error) {
	configs, err := kadm.NewClient(client).DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	out := make(map[string]Retention, len(configs))
	for _, topic := range configs {
		switch {
		case errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
		case topic.Err != nil:
			return nil, fmt.Errorf("describe topic %s: %w", topic.Name, topic.Err)
		default:
			out[topic.Name] = retentionOf(topic.Configs)
		}
	}
	return out, nil
}

// forEver is a time beyond which a setting means that.
const forEver = 100 * 365 * 24 * time.Hour

func retentionOf(configs []kadm.Config) Retention {
	var r Retention
	for _, c := range configs {
		value := c.MaybeValue()
		switch c.Key {
		case "cleanup.policy":
			r.Compacted = strings.Contains(value, "compact")
		case "retention.ms":
			r.Time = milliseconds(value)
		case "max.compaction.lag.ms":
			r.CompactedWithin = milliseconds(value)
		}
	}
	if r.Compacted {
		r.Time = 0
	}
	return r
}

// milliseconds is a time as a setting has it; zero: for ever.
func milliseconds(value string) time.Duration {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n <= 0 || n > int64(forEver/time.Millisecond) {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}
