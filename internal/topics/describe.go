package topics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Described is a topic as the brokers show it.
type Described struct {
	Name string
	// Err is why it is not shown; kerr.UnknownTopicOrPartition: it is not there.
	Err error
	// Internal: it is one of Kafka's own.
	Internal bool
	// Partitions are in their order.
	Partitions []Partitioned
	// Authorized are the operations that this client may do with it; empty: the brokers do not tell.
	Authorized []kadm.ACLOperation
	// Configs are its settings. ConfigErr is why they are not known, nil also where nobody has asked.
	Configs   map[string]string
	ConfigErr error
}

// Partitioned is one partition of a topic.
type Partitioned struct {
	// Leader is a broker's id; -1: there is none, the partition is offline.
	Leader int32
	// Replicas are the ids of the brokers that should have it, InSync those of them that have all of it.
	Replicas, InSync []int32
}

// Missing reports whether there is no such topic.
func (d Described) Missing() bool { return errors.Is(d.Err, kerr.UnknownTopicOrPartition) }

// Replication is the number of replicas of the partition that has the fewest.
func (d Described) Replication() int {
	least := 0
	for i, p := range d.Partitions {
		if i == 0 || len(p.Replicas) < least {
			least = len(p.Replicas)
		}
	}
	return least
}

// Cluster are brokers and topics as one broker shows them.
type Cluster struct {
	Brokers []BrokerAddr
	// Controller is the id of a broker; -1: there is none.
	Controller int32
	Topics     []Described
}

// BrokerAddr is where a broker says that it is reached.
type BrokerAddr struct {
	ID   int32
	Addr string
}

// Topic returns the one of that name. One that was not asked for is Missing.
func (c Cluster) Topic(name string) Described {
	for _, d := range c.Topics {
		if d.Name == name {
			return d
		}
	}
	return Described{Name: name, Err: kerr.UnknownTopicOrPartition}
}

// Look asks a broker, and not the client's memory, for brokers and topics; without names: for all topics that this client
// may know of. It does not ask for settings: see Describe.
func Look(ctx context.Context, client *kgo.Client, names ...string) (Cluster, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	for i := range names {
		req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: &names[i]})
	}
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return Cluster{}, fmt.Errorf("look for topics: %w", err)
	}
	c := Cluster{Controller: resp.ControllerID}
	for _, b := range resp.Brokers {
		c.Brokers = append(c.Brokers, BrokerAddr{ID: b.NodeID, Addr: fmt.Sprintf("%s:%d", b.Host, b.Port)})
	}
	slices.SortFunc(c.Brokers, func(a, b BrokerAddr) int { return cmp.Compare(a.ID, b.ID) })
	for _, t := range resp.Topics {
		if t.Topic != nil {
			c.Topics = append(c.Topics, shownAs(t))
		}
	}
	slices.SortFunc(c.Topics, func(a, b Described) int { return cmp.Compare(a.Name, b.Name) })
	return c, nil
}

func shownAs(t kmsg.MetadataResponseTopic) Described {
	d := Described{
		Name:       *t.Topic,
		Err:        kerr.ErrorForCode(t.ErrorCode),
		Internal:   t.IsInternal,
		Authorized: kadm.DecodeACLOperations(t.AuthorizedOperations),
	}
	slices.SortFunc(t.Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return cmp.Compare(a.Partition, b.Partition) })
	for _, p := range t.Partitions {
		d.Partitions = append(d.Partitions, Partitioned{Leader: p.Leader, Replicas: p.Replicas, InSync: p.ISR})
	}
	return d
}

// Describe looks for brokers and topics, as Look does, and asks for the settings of those that are Parley's or Kafka's own.
// That this client may not know the settings of a topic is no error of the whole.
func (s Spec) Describe(ctx context.Context, client *kgo.Client, names ...string) (Cluster, error) {
	c, err := Look(ctx, client, names...)
	if err != nil {
		return c, err
	}
	return c, s.askSettings(ctx, client, c)
}

// askSettings fills in the settings of topics.
func (s Spec) askSettings(ctx context.Context, client *kgo.Client, c Cluster) error {
	var there []string
	for _, d := range c.Topics {
		if d.Err == nil && (d.Internal || len(s.requirements(d.Name)) > 0) {
			there = append(there, d.Name)
		}
	}
	if len(there) == 0 {
		return nil
	}
	told, err := settingsOf(ctx, client, there)
	if err != nil {
		return err
	}
	for i := range c.Topics {
		d := &c.Topics[i]
		if of, asked := told[d.Name]; asked {
			d.Configs, d.ConfigErr = of.configs, of.err
		}
	}
	return nil
}

type toldSettings struct {
	configs map[string]string
	err     error
}

// settingsOf asks for the settings of topics. The client of package kadm would tell nothing of any when one is denied.
func settingsOf(ctx context.Context, client *kgo.Client, names []string) (map[string]toldSettings, error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range names {
		req.Resources = append(req.Resources, kmsg.DescribeConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name})
	}
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	out := make(map[string]toldSettings, len(resp.Resources))
	for _, r := range resp.Resources {
		of := toldSettings{configs: make(map[string]string, len(r.Configs)), err: kerr.ErrorForCode(r.ErrorCode)}
		for _, s := range r.Configs {
			if s.Value != nil {
				of.configs[s.Name] = *s.Value
			}
		}
		out[r.ResourceName] = of
	}
	return out, nil
}
