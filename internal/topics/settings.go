package topics

import (
	"fmt"
	"strconv"

	"parley/schemas"
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
	return fmt.Sprintf("topic %s has %s=%s, %s", e.Topic, e.Setting, e.Have, e.Why)
}

// Remedy are the commands that set it right.
func (e *SettingError) Remedy() string {
	return fmt.Sprintf("parley topics apply, or kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config %s=%s", e.Topic, e.Setting, e.Want)
}

// ReplicationError says that a topic has fewer replicas than it must have.
type ReplicationError struct {
	Topic string
	// Have is the number of replicas of the partition that has the fewest.
	Have, Want int
}

func (e *ReplicationError) Error() string {
	return fmt.Sprintf("topic %s has a partition with %d of %d replicas, and would lose what was acknowledged with the brokers that have it", e.Topic, e.Have, e.Want)
}

// Remedy is the command that sets it right.
func (e *ReplicationError) Remedy() string { return "parley topics apply --reassign" }

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

const (
	// deleteRetentionMs is how long the state topic keeps what was deleted, in milliseconds: see the processor's
	// storeAgeMax.
	deleteRetentionMs = 24 * 60 * 60 * 1000

	// inSyncMin is how many replicas must have a record before it is acknowledged, where there are so many.
	inSyncMin = 2
)

// inSync is the least number of replicas that must have a record before it is acknowledged.
func (s Spec) inSync() int64 { return min(int64(s.Replication), inSyncMin) }

// durable is required of every topic with records that nobody has elsewhere. One replica alone is what was asked for: then
// nothing else helps.
func (s Spec) durable() []requirement {
	if s.inSync() < inSyncMin {
		return nil
	}
	return []requirement{
		atLeast("min.insync.replicas", s.inSync(), "and would acknowledge records that are lost with one broker"),
		exactly("unclean.leader.election.enable", "false", "and would let a broker lead that lacks acknowledged records"),
	}
}

// requirements are those of a topic of these names; none: it is not one of Parley's.
func (s Spec) requirements(topic string) []requirement {
	long := atLeast("max.message.bytes", MessageBytesMax, "and would refuse records of calls that are within the limits")
	deleted := exactly("cleanup.policy", "delete", "and would lose records that share a key")
	kept := append([]requirement{
		long,
		deleted,
		exactly("retention.ms", "-1", "and would lose records that nobody has read yet"),
		exactly("retention.bytes", "-1", "and would lose records that nobody has read yet"),
	}, s.durable()...)
	compacted := exactly("cleanup.policy", "compact", "and would lose what was written once and still holds")
	_, inbox := s.Topics.InboxOf(topic)
	switch {
	case topic == s.Topics.Calls:
		return append(kept, exactly("message.timestamp.type", "LogAppendTime", "and would have its senders say what time it is"))
	case topic == s.Topics.Results, topic == s.Topics.Dead, s.Topics.IsSubscriber(topic):
		return kept
	case topic == s.Topics.State:
		return append([]requirement{
			long,
			compacted,
			atLeast("delete.retention.ms", deleteRetentionMs, "and a node that was away would miss what was deleted"),
		}, s.durable()...)
	case topic == s.Topics.Control:
		return append([]requirement{compacted}, s.durable()...)
	case inbox:
		return append([]requirement{deleted}, s.durable()...)
	}
	return nil
}

// Flaws are what of a topic of Parley's would lose something: each is a *SettingError or a *ReplicationError. What a
// broker does not tell is taken to be right; so is a topic that is not shown.
func (s Spec) Flaws(d Described) []error {
	var flaws []error
	required := s.requirements(d.Name)
	if d.Err != nil || len(required) == 0 {
		return nil
	}
	if have := d.Replication(); have < int(s.Replication) {
		flaws = append(flaws, &ReplicationError{Topic: d.Name, Have: have, Want: int(s.Replication)})
	}
	for _, r := range required {
		if have, ok := d.Configs[r.setting]; ok && !r.metBy(have) {
			flaws = append(flaws, &SettingError{Topic: d.Name, Setting: r.setting, Have: have, Want: r.want, Why: r.why})
		}
	}
	return flaws
}

// Ours are the topics of a cluster that are Parley's, also those that are not there and must be.
func (s Spec) Ours(c Cluster) []Described {
	var ours []Described
	for _, name := range s.Topics.Own() {
		ours = append(ours, c.Topic(name))
	}
	for _, d := range c.Topics {
		if _, inbox := s.Topics.InboxOf(d.Name); inbox || s.Topics.IsSubscriber(d.Name) {
			ours = append(ours, d)
		}
	}
	return ours
}

// Mismatches compares the topics with the recorded layout: each error is a *MismatchError.
func (l Layout) Mismatches(t schemas.Topics, c Cluster) []error {
	var errs []error
	for _, of := range []struct {
		topic string
		want  int32
	}{{t.Calls, l.Partitions}, {t.State, l.Partitions}, {t.Results, l.ResultPartitions}, {t.Control, 1}} {
		if d := c.Topic(of.topic); d.Err == nil && len(d.Partitions) != int(of.want) {
			errs = append(errs, &MismatchError{Topic: of.topic, Want: of.want, Have: int32(len(d.Partitions))})
		}
	}
	return errs
}
