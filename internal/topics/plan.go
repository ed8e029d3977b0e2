package topics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Step is what must be done to one topic so that it is as it must be.
type Step struct {
	Topic string `json:"topic"`
	// Create: the topic is not there; it is made with Partitions, Replication and Settings.
	Create      bool  `json:"create,omitzero"`
	Partitions  int32 `json:"partitions,omitzero"`
	Replication int16 `json:"replication,omitzero"`
	// Settings are those that change, in the order of their names.
	Settings []Change `json:"settings,omitempty"`
	// Replicas are the partitions that get more replicas, if that is asked for.
	Replicas []Reassignment `json:"replicas,omitempty"`
	// Problem is what no step of a plan can mend; empty: there is nothing.
	Problem string `json:"problem,omitzero"`
}

// Change is that of a setting.
type Change struct {
	Name string `json:"name"`
	// Have is the value now; empty: the topic is not there.
	Have string `json:"have,omitzero"`
	Want string `json:"want"`
}

// Reassignment gives a partition more replicas. Those that it has stay.
type Reassignment struct {
	Partition int32 `json:"partition"`
	// Have and Want are ids of brokers.
	Have []int32 `json:"have"`
	Want []int32 `json:"want"`
}

// Plan says what must be done so that the topics of a cluster, with their settings, are as they must be: a step for each
// topic with which something is to be done, or wrong. recorded is the layout in the control topic; nil: there is none.
// Partitions are never added, and nothing is ever deleted.
func (s Spec) Plan(c Cluster, recorded *Layout) []Step {
	switch calls, results := c.Topic(s.Topics.Calls), c.Topic(s.Topics.Results); {
	case recorded != nil:
		s.Layout = *recorded
	default: // those that are there divide the others
		s.Layout.Partitions = cmp.Or(int32(len(calls.Partitions)), s.Layout.Partitions)
		s.Layout.ResultPartitions = cmp.Or(int32(len(results.Partitions)), s.Layout.ResultPartitions)
	}
	place := newPlacement(c)
	var steps []Step
	for _, d := range s.Ours(c) {
		if step := s.step(d, place); step.Create || len(step.Settings)+len(step.Replicas) > 0 || step.Problem != "" {
			steps = append(steps, step)
		}
	}
	return steps
}

func (s Spec) step(d Described, place *placement) Step {
	step := Step{Topic: d.Name}
	switch {
	case d.Missing():
		step.Create, step.Partitions, step.Replication = true, s.partitions(d.Name), s.Replication
		for name, value := range s.configs(d.Name) {
			step.Settings = append(step.Settings, Change{Name: name, Want: *value})
		}
		slices.SortFunc(step.Settings, func(a, b Change) int { return cmp.Compare(a.Name, b.Name) })
		return step
	case d.Err != nil:
		step.Problem = d.Err.Error()
		return step
	case d.ConfigErr != nil:
		step.Problem = fmt.Sprintf("its settings are not known: %v", d.ConfigErr)
	}
	if errs := s.Layout.Mismatches(s.Topics, Cluster{Topics: []Described{d}}); len(errs) > 0 {
		step.Problem = errors.Join(errs...).Error()
	}
	for _, flaw := range s.Flaws(d) {
		if e, ok := errors.AsType[*SettingError](flaw); ok {
			step.Settings = append(step.Settings, Change{Name: e.Setting, Have: e.Have, Want: e.Want})
		}
	}
	for i, p := range d.Partitions {
		if len(p.Replicas) >= int(s.Replication) {
			continue
		}
		want, ok := place.more(p.Replicas, int(s.Replication))
		if !ok {
			step.Problem = (&BrokersError{Topic: d.Name, Brokers: len(place.load), Want: int(s.Replication)}).Error()
			break
		}
		step.Replicas = append(step.Replicas, Reassignment{Partition: int32(i), Have: p.Replicas, Want: want})
	}
	slices.SortFunc(step.Settings, func(a, b Change) int { return cmp.Compare(a.Name, b.Name) })
	return step
}

// placement spreads replicas over brokers.
type placement struct {
	// load is how many replicas a broker has.
	load map[int32]int
}

func newPlacement(c Cluster) *placement {
	p := &placement{load: make(map[int32]int)}
	for _, b := range c.Brokers {
		p.load[b.ID] = 0
	}
	for _, d := range c.Topics {
		for _, partition := range d.Partitions {
			for _, id := range partition.Replicas {
				if _, there := p.load[id]; there {
					p.load[id]++
				}
			}
		}
	}
	return p
}

// more adds brokers to those that have a partition, until there are n: the least loaded first. false: there are too few.
func (p *placement) more(have []int32, n int) ([]int32, bool) {
	var free []int32
	for id := range p.load {
		if !slices.Contains(have, id) {
			free = append(free, id)
		}
	}
	if len(have)+len(free) < n {
		return nil, false
	}
	slices.SortFunc(free, func(a, b int32) int { return cmp.Or(cmp.Compare(p.load[a], p.load[b]), cmp.Compare(a, b)) })
	want := slices.Clone(have)
	for _, id := range free[:n-len(have)] {
		p.load[id]++
		want = append(want, id)
	}
	return want, true
}

// Planned looks at a cluster and plans. It reads the layout that is recorded there, if one is.
func (s Spec) Planned(ctx context.Context, client *kgo.Client) ([]Step, error) {
	c, err := s.Describe(ctx, client)
	if err != nil {
		return nil, err
	}
	recorded, err := Recorded(ctx, client, s.Topics, c)
	if err != nil {
		return nil, err
	}
	return s.Plan(c, recorded), nil
}

// Apply takes the steps of a plan: it makes topics and changes settings. Replicas and problems it leaves as they are. A step
// that is taken already changes nothing.
func (s Spec) Apply(ctx context.Context, client *kgo.Client, steps []Step) error {
	c, err := Look(ctx, client)
	if err != nil {
		return err
	}
	admin := kadm.NewClient(client)
	var made []string
	for _, step := range steps {
		switch {
		case step.Create:
			made = append(made, step.Topic)
			of := s
			of.Layout = Layout{Partitions: step.Partitions, ResultPartitions: step.Partitions}
			err = of.make(ctx, client, len(c.Brokers), step.Topic)
		default:
			err = alter(ctx, admin, step)
		}
		if err != nil {
			return err
		}
	}
	return await(ctx, client, made)
}

// alter changes the settings of a topic that is there.
func alter(ctx context.Context, admin *kadm.Client, step Step) error {
	if len(step.Settings) == 0 {
		return nil
	}
	set := make([]kadm.AlterConfig, len(step.Settings))
	for i, c := range step.Settings {
		set[i] = kadm.AlterConfig{Op: kadm.SetConfig, Name: c.Name, Value: &step.Settings[i].Want}
	}
	all, err := admin.AlterTopicConfigs(ctx, set, step.Topic)
	if err == nil {
		r, missing := all.On(step.Topic, nil)
		err = errors.Join(missing, r.Err)
	}
	if err != nil {
		return fmt.Errorf("change settings of topic %s: %w", step.Topic, err)
	}
	return nil
}

// Reassign has the brokers begin to make the replicas of a plan, which takes as long as their data.
func Reassign(ctx context.Context, client *kgo.Client, steps []Step) error {
	var req kadm.AlterPartitionAssignmentsReq
	for _, step := range steps {
		for _, r := range step.Replicas {
			req.Assign(step.Topic, r.Partition, r.Want)
		}
	}
	if len(req) == 0 {
		return nil
	}
	all, err := kadm.NewClient(client).AlterPartitionAssignments(ctx, req)
	if err == nil {
		err = all.Error()
	}
	if err != nil {
		return fmt.Errorf("reassign partitions: %w", err)
	}
	return nil
}
