package topics

import (
	"cmp"
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
	return fmt.Sprintf("topic %s has %d partitions, but %d are recorded: partitions must not be added to a topic of parley; %s", e.Topic, e.Have, e.Want, e.Remedy())
}

// Remedy is what is left to do.
func (*MismatchError) Remedy() string { return "make a new set of topics under another prefix" }

// Spec is what Parley's topics must be.
type Spec struct {
	Topics schemas.Topics
	// Layout divides topics that are not there yet.
	Layout Layout
	// Replication is the number of replicas that each partition has at the least. With two and more, two must have a record
	// before it is acknowledged.
	Replication int16
}

// BrokersError says that there are fewer brokers than a topic needs replicas.
type BrokersError struct {
	Topic         string
	Brokers, Want int
}

func (e *BrokersError) Error() string {
	return fmt.Sprintf("topic %s shall have %d replicas, and of brokers there are only %d", e.Topic, e.Want, e.Brokers)
}

// Ensure makes the topics that are missing and returns the layout, which is the recorded one if there is one. Topics
// that are there must be divided as recorded, else a MismatchError; what else may be wrong with them Spec.Flaws says. It
// changes none, and needs no right to make any where all are there. Several processes may call it at once.
func Ensure(ctx context.Context, client *kgo.Client, spec Spec) (Layout, error) {
	if err := spec.Layout.Validate(); err != nil {
		return Layout{}, err
	}
	c, err := Look(ctx, client, spec.Topics.Own()...)
	if err != nil {
		return Layout{}, err
	}
	if err := spec.create(ctx, client, c, spec.Topics.Calls, spec.Topics.Results); err != nil {
		return Layout{}, err
	}
	if spec.Layout, err = spec.actualLayout(ctx, client); err != nil { // whoever made them first has divided them for all
		return Layout{}, err
	}
	if err := spec.create(ctx, client, c, spec.Topics.State, spec.Topics.Dead, spec.Topics.Control); err != nil {
		return Layout{}, err
	}
	recorded, err := recordedLayout(ctx, client, kadm.NewClient(client), spec)
	if err != nil {
		return Layout{}, err
	}
	if c, err = Look(ctx, client, spec.Topics.Own()...); err != nil {
		return Layout{}, err
	}
	return recorded, errors.Join(recorded.Mismatches(spec.Topics, c)...)
}

// partitions is how many partitions a topic is made with.
func (s Spec) partitions(topic string) int32 {
	switch topic {
	case s.Topics.Calls, s.Topics.State:
		return s.Layout.Partitions
	case s.Topics.Results:
		return s.Layout.ResultPartitions
	}
	return 1
}

// configs are the settings that a topic is made with.
func (s Spec) configs(topic string) map[string]*string {
	out := map[string]*string{
		"max.message.bytes":   kadm.StringPtr(strconv.Itoa(MessageBytesMax)),
		"min.insync.replicas": kadm.StringPtr(strconv.FormatInt(s.inSync(), 10)),
	}
	for _, r := range s.requirements(topic) {
		out[r.setting] = kadm.StringPtr(r.want)
	}
	switch topic {
	case s.Topics.Control:
		out["delete.retention.ms"] = kadm.StringPtr(strconv.Itoa(deleteRetentionMs))
	case s.Topics.State:
		out["max.compaction.lag.ms"] = kadm.StringPtr(strconv.Itoa(compactionLagMs))
	}
	return out
}

// compactionLagMs is how long a record of the state stays at the most when another has come with its key: what was erased
// of a person is gone then. Brokers compact when half of a log is replaced, which of a partition that is hardly used may never
// be; a shorter time has them write all of the state anew that often.
const compactionLagMs = 7 * 24 * 60 * 60 * 1000

// create makes those of the topics that are missing in c, and returns when they can be seen.
func (s Spec) create(ctx context.Context, client *kgo.Client, c Cluster, names ...string) error {
	var made []string
	for _, name := range names {
		switch d := c.Topic(name); {
		case d.Err == nil:
			continue
		case d.Missing():
			if err := s.make(ctx, client, len(c.Brokers), name); err != nil {
				return err
			}
		case !kerr.IsRetriable(d.Err):
			return fmt.Errorf("look for topic %s: %w", name, d.Err)
		}
		made = append(made, name)
	}
	return await(ctx, client, made)
}

// make makes a topic, unless somebody else does.
func (s Spec) make(ctx context.Context, client *kgo.Client, brokers int, name string) error {
	r, err := kadm.NewClient(client).CreateTopic(ctx, s.partitions(name), s.Replication, s.configs(name), name)
	if err == nil {
		err = r.Err
	}
	switch {
	case err == nil, errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case errors.Is(err, kerr.InvalidReplicationFactor) && brokers < int(s.Replication):
		return &BrokersError{Topic: name, Brokers: brokers, Want: int(s.Replication)}
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return fmt.Errorf("create topic %s: %w; have parley topics apply make the topics, as somebody who may", name, err)
	}
	return fmt.Errorf("create topic %s: %w", name, err)
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

// actualLayout is how the topics are divided. Not every broker has heard of them when one has.
func (s Spec) actualLayout(ctx context.Context, client *kgo.Client) (l Layout, err error) {
	err = retry(ctx, func() error {
		c, err := Look(ctx, client, s.Topics.Calls, s.Topics.Results)
		if err != nil {
			return err
		}
		calls, results := c.Topic(s.Topics.Calls), c.Topic(s.Topics.Results)
		l = Layout{Partitions: int32(len(calls.Partitions)), ResultPartitions: int32(len(results.Partitions))}
		return cmp.Or(calls.Err, results.Err)
	})
	if err == nil {
		err = l.Validate()
	}
	return l, err
}

// Recorded reads the layout from the control topic; nil: there is no such topic in c, or none is recorded.
func Recorded(ctx context.Context, client *kgo.Client, t schemas.Topics, c Cluster) (*Layout, error) {
	switch d := c.Topic(t.Control); {
	case d.Missing():
		return nil, nil //nolint:nilnil // nothing is as good an answer
	case d.Err != nil:
		return nil, fmt.Errorf("look for topic %s: %w", t.Control, d.Err)
	}
	l, found, err := readLayout(ctx, client, kadm.NewClient(client), t.Control)
	if err != nil || !found {
		return nil, err
	}
	return &l, nil
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
