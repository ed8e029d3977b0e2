package peer

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// owners are the addresses of the nodes that own partitions. One without an address is not there.
type owners map[int32]string

// directory knows who owns the partitions of a topic, as the group's coordinator says.
type directory struct {
	describe func(context.Context) (owners, error)
	// turn is held by the one that looks the owners up, or at what was found.
	turn  chan struct{}
	known owners
	// looked is when they were looked up last, whether that went well or not.
	looked time.Time
}

func newDirectory(describe func(context.Context) (owners, error)) *directory {
	return &directory{describe: describe, turn: make(chan struct{}, 1)}
}

// describeTimeout bounds one look at the group.
const describeTimeout = time.Second

// since returns the owners as they were at a time, or later. While the coordinator does not tell, because it is away or
// the group finds together anew, they are those that were known last: most are right, and one that is not says so.
func (d *directory) since(ctx context.Context, at time.Time) owners {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return nil
	}
	if d.looked.After(at) {
		return d.known
	}
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	began := time.Now()
	found, err := d.describe(ctx)
	if err == nil {
		d.known = found
	}
	if err == nil || ctx.Err() == nil {
		d.looked = began
	}
	return d.known
}

// stable is the state of a group whose members have their partitions.
const stable = "Stable"

// describeGroup asks the coordinator of a group whose members consume a topic.
func describeGroup(client *kgo.Client, group, topic string) func(context.Context) (owners, error) {
	admin := kadm.NewClient(client)
	return func(ctx context.Context) (owners, error) {
		all, err := admin.DescribeGroups(ctx, group)
		if err != nil {
			return nil, fmt.Errorf("describe group %s: %w", group, err)
		}
		g, err := all.On(group, nil)
		if err == nil {
			err = g.Err
		}
		if err != nil {
			return nil, fmt.Errorf("describe group %s: %w", group, err)
		}
		if g.State != stable {
			return nil, fmt.Errorf("group %s is %s", group, g.State)
		}
		return ownersIn(g, topic), nil
	}
}

func ownersIn(g kadm.DescribedGroup, topic string) owners {
	found := make(owners)
	for _, m := range g.Members {
		joined, ok1 := m.Join.AsConsumer()
		assigned, ok2 := m.Assigned.AsConsumer()
		if !ok1 || !ok2 {
			continue
		}
		address := addressIn(joined.UserData)
		if address == "" {
			continue
		}
		for _, t := range assigned.Topics {
			if t.Topic != topic {
				continue
			}
			for _, p := range t.Partitions {
				found[p] = address
			}
		}
	}
	return found
}
