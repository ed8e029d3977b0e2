package topics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
)

// SettingError says that a topic is set up so that it would lose what was acknowledged, or refuse what is within the
// limits. Somebody else than Ensure has made or changed it.
type SettingError struct {
	Topic, Setting string
	// Have is the value, Want what it must be.
	Have, Want string
	// Why says what would come of it.
	Why string
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("topic %s has %s=%s, %s; set it right: kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config %s=%s",
		e.Topic, e.Setting, e.Have, e.Why, e.Topic, e.Setting, e.Want)
}

// requirement is what a setting of a topic must be.
type requirement struct {
	setting string
	want    string
	// least is the smallest number that will do; zero: it must be want.
	least int64
	why   string
}

func exactly(setting, want, why string) requirement {
	return requirement{setting: setting, want: want, why: why}
}

func atLeast(setting string, least int64, why string) requirement {
	return requirement{setting: setting, want: strconv.FormatInt(least, 10), least: least, why: why}
}

// metBy reports whether a value will do.
func (r requirement) metBy(value string) bool {
	if r.least == 0 {
		return value == r.want
	}
	n, err := strconv.ParseInt(value, 10, 64)
	return err == nil && n >= r.least
}

// deleteRetentionMs is how long the state topic keeps what was deleted, in milliseconds: see the processor's
// storeAgeMax.
const deleteRetentionMs = 24 * 60 * 60 * 1000

// requirements are those of the topics whose records must not be lost.
func (s Spec) requirements() map[string][]requirement {
	long := atLeast("max.message.bytes", MessageBytesMax, "and would refuse records of calls that are within the limits")
	kept := []requirement{
		long,
		exactly("cleanup.policy", "delete", "and would lose records that share a key"),
		exactly("retention.ms", "-1", "and would lose records that nobody has read yet"),
		exactly("retention.bytes", "-1", "and would lose records that nobody has read yet"),
	}
	compacted := exactly("cleanup.policy", "compact", "and would lose what was written once and still holds")
	return map[string][]requirement{
		s.Topics.Calls:   append(kept, exactly("message.timestamp.type", "LogAppendTime", "and would have its senders say what time it is")),
		s.Topics.Results: kept,
		s.Topics.Dead:    kept,
		s.Topics.State: {
			long,
			compacted,
			atLeast("delete.retention.ms", deleteRetentionMs, "and a node that was away would miss what was deleted"),
		},
		s.Topics.Control: {compacted},
	}
}

// checkSettings holds the topics against what they must be, and reports every difference. What a broker does not tell
// is taken to be right.
func checkSettings(ctx context.Context, admin *kadm.Client, required map[string][]requirement) error {
	names := slices.Sorted(maps.Keys(required))
	configs, err := admin.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return fmt.Errorf("describe topics: %w", err)
	}
	var errs []error
	for _, name := range names {
		topic, err := configs.On(name, nil)
		if err = errors.Join(err, topic.Err); err != nil {
			errs = append(errs, fmt.Errorf("describe topic %s: %w", name, err))
			continue
		}
		for _, r := range required[name] {
			i := slices.IndexFunc(topic.Configs, func(c kadm.Config) bool { return c.Key == r.setting })
			if i >= 0 && !r.metBy(topic.Configs[i].MaybeValue()) {
				errs = append(errs, &SettingError{Topic: name, Setting: r.setting, Have: topic.Configs[i].MaybeValue(), Want: r.want, Why: r.why})
			}
		}
	}
	return errors.Join(errs...)
}
