package topics

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// MessageBytesMax is the longest record of a topic that Parley makes: a call of the longest kind with its results.
const MessageBytesMax = 16 << 20

// Layout is how Parley's topics are divided. It is fixed when they are made: a key's partition must never change.
type Layout struct {
	// Partitions counts those of the calls and of the state.
	Partitions int32 `json:"partitions"`
	// ResultPartitions counts those of the results; it divides Partitions.
	ResultPartitions int32 `json:"resultPartitions"`
}

// Validate reports a layout that cannot be.
func (l Layout) Validate() error {
	if l.Partitions < 1 || l.Partitions > schemas.PartitionsMax {
		return fmt.Errorf("partitions: from 1 to %d, not %d", schemas.PartitionsMax, l.Partitions)
	}
	if l.ResultPartitions < 1 || l.Partitions%l.ResultPartitions != 0 {
		return fmt.Errorf("result partitions: a divisor of the %d partitions, not %d", l.Partitions, l.ResultPartitions)
	}
	return nil
}

// MismatchError says that a topic is not divided as was recorded when the topics were made. Calls of one
// conversation could meet different owners: nothing may start.
type MismatchError struct {
	Topic      string
	Want, Have int32
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("topic %s has %d partitions, but %d are recorded: partitions must not be added to a topic of parley; make a new set of topics under another prefix", e.Topic, e.Have, e.Want)
}

// Spec is what Ensure makes of topics that are not there yet.
type Spec struct {
	Topics schemas.Topics
	Layout Layout
	// Replication is the number of replicas; -1: as the broker has it.
	Replication int16
}

// Ensure makes the topics that are missing and returns the layout, which is the recorded one if there is one. Topics
// that are there must be divided as recorded (else a MismatchError) and be set up to lose nothing (else a SettingError):
// it changes none. Several processes may call it at once.
func Ensure(ctx context.Context, client *kgo.Client, spec Spec) (Layout, error) {
	if err := spec.Layout.Validate(); err != nil {
		return Layout{}, err
	}
	admin := kadm.NewClient(client)
	if err := create(ctx, client, spec.Replication, spec.divided()); err != nil {
		return Layout{}, err
	}
	var err error // whoever made the calls and the results first has divided them for all
	if spec.Layout, err = actualLayout(ctx, admin, spec.Topics); err != nil {
		return Layout{}, err
	}
	if err := create(ctx, client, spec.Replication, spec.others()); err != nil {
		return Layout{}, err
	}
	recorded, err := recordedLayout(ctx, client, admin, spec)
	if err != nil {
		return Layout{}, err
	}
	return recorded, errors.Join(check(ctx, admin, spec.Topics, recorded), checkSettings(ctx, admin, spec.requirements()))
}

type topic struct {
	name       string
	partitions int32
	configs    map[string]*string
}

// divided are the topics whose partitions make the layout.
func (s Spec) divided() []topic {
	return []topic{
		{s.Topics.Calls, s.Layout.Partitions, configs(keep, map[string]string{"message.timestamp.type": "LogAppendTime"})},
		{s.Topics.Results, s.Layout.ResultPartitions, configs(keep)},
	}
}

// others are the topics that follow from the layout.
func (s Spec) others() []topic {
	return []topic{
		{s.Topics.State, s.Layout.Partitions, configs(compact, map[string]string{"max.compaction.lag.ms": strconv.Itoa(compactionLagMs)})},
		{s.Topics.Dead, 1, configs(keep)},
		{s.Topics.Control, 1, configs(compact)},
	}
}

// compactionLagMs is how long a record of the state stays at the most when another has come with its key: what was erased
// of a person is gone then. Brokers compact when half of a log is replaced, which of a partition that is hardly used may never
// be; a shorter time has them write all of the state anew that often.
const compactionLagMs = 7 * 24 * 60 * 60 * 1000

var (
	keep    = map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
	compact = map[string]string{"cleanup.policy": "compact", "delete.retention.ms": strconv.Itoa(deleteRetentionMs)}
)

func configs(sets ...map[string]string) map[string]*string {
	out := map[string]*string{"max.message.bytes": kadm.StringPtr(strconv.Itoa(MessageBytesMax))}
	for _, set := range sets {
		for k, v := range set {
			out[k] = kadm.StringPtr(v)
		}
	}
	return out
}

// create makes the topics that are missing, and returns when all can be seen.
func create(ctx context.Context, client *kgo.Client, replication int16, topics []topic) error {
	admin := kadm.NewClient(client)
	for _, t := range topics {
		r, err := admin.CreateTopic(ctx, t.partitions, replication, t.configs, t.name)
		if err == nil {
			err = r.Err
		}
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", t.name, err)
		}
	}
	return await(ctx, client, topics)
}

// layoutKey is the key of the layout in the control topic.
const layoutKey = "layout"

// recordedLayout reads the layout from the control topic, and records the one that the topics have if nobody has:
// several that start at once record the same.
func recordedLayout(ctx context.Context, client *kgo.Client, admin *kadm.Client, spec Spec) (Layout, error) {
	l, ok, err := readLayout(ctx, client, admin, spec.Topics.Control)
	if err != nil || ok {
		return l, err
	}
	value, err := json.Marshal(spec.Layout)
	if err != nil {
		return l, fmt.Errorf("encode layout: %w", err)
	}
	r := &kgo.Record{Topic: spec.Topics.Control, Partition: 0, Key: []byte(layoutKey), Value: value}
	if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
		return l, fmt.Errorf("record layout: %w", err)
	}
	return spec.Layout, nil
}

// actualLayout is how the topics are divided.
func actualLayout(ctx context.Context, admin *kadm.Client, t schemas.Topics) (Layout, error) {
	have, err := admin.ListTopics(ctx, t.Calls, t.Results)
	if err != nil {
		return Layout{}, fmt.Errorf("list topics: %w", err)
	}
	l := Layout{Partitions: int32(len(have[t.Calls].Partitions)), ResultPartitions: int32(len(have[t.Results].Partitions))}
	return l, errors.Join(have[t.Calls].Err, have[t.Results].Err, l.Validate())
}

func readLayout(ctx context.Context, client *kgo.Client, admin *kadm.Client, control string) (l Layout, found bool, err error) {
	var end kadm.ListedOffset
	err = retry(ctx, func() error { // its leader may not know yet that it is
		ends, err := admin.ListEndOffsets(ctx, control)
		if err != nil {
			return err
		}
		end, _ = ends.Lookup(control, 0)
		return end.Err
	})
	if err != nil {
		return l, false, fmt.Errorf("list end of %s: %w", control, err)
	}
	if end.Offset == 0 {
		return l, false, nil
	}
	reader, err := kgo.NewClient(append(client.Opts(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{control: {0: kgo.NewOffset().AtStart()}}))...)
	if err != nil {
		return l, false, fmt.Errorf("read %s: %w", control, err)
	}
	defer reader.Close()
	for at := int64(0); at < end.Offset && !found; {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return l, false, fmt.Errorf("read %s: %w", control, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at = r.Offset + 1
			if string(r.Key) == layoutKey && !found {
				found = true
				err = json.Unmarshal(r.Value, &l)
			}
		})
	}
	if err != nil {
		return l, found, fmt.Errorf("layout recorded in %s: %w", control, err)
	}
	return l, found, nil
}

// check holds the topics against the recorded layout.
func check(ctx context.Context, admin *kadm.Client, t schemas.Topics, l Layout) error {
	have, err := admin.ListTopics(ctx, t.Calls, t.State, t.Results)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	var errs []error
	for name, want := range map[string]int32{t.Calls: l.Partitions, t.State: l.Partitions, t.Results: l.ResultPartitions} {
		d := have[name]
		if d.Err != nil {
			errs = append(errs, fmt.Errorf("topic %s: %w", name, d.Err))
		} else if n := int32(len(d.Partitions)); n != want {
			errs = append(errs, &MismatchError{Topic: name, Want: want, Have: n})
		}
	}
	return errors.Join(errs...)
}
