package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// askMax bounds one question to a broker, which may be frozen.
const askMax = 5 * time.Second

// errNotYet says that a broker answers, and what is waited for is not so yet.
var errNotYet = errors.New("not yet")

// ready waits until the broker serves and knows of itself and others, so many in all.
func (b *broker) ready(ctx context.Context, brokers int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr(listenerPlain)))
	if err != nil {
		return fmt.Errorf("ask broker %d: %w", b.id, err)
	}
	defer client.Close()
	ask := func(ctx context.Context) error {
		resp, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client.SeedBrokers()[0])
		if err != nil {
			return err
		}
		itself := func(m kmsg.MetadataResponseBroker) bool { return m.NodeID == int32(b.id) }
		if len(resp.Brokers) < brokers || !slices.ContainsFunc(resp.Brokers, itself) {
			return fmt.Errorf("%w: it knows %d brokers", errNotYet, len(resp.Brokers))
		}
		return nil
	}
	if err := until(ctx, b.process.ended, ask); err != nil {
		if !b.process.runs() {
			return b.ended()
		}
		return fmt.Errorf("wait for broker %d: %w", b.id, err)
	}
	return nil
}

// errEnded says that what was asked has ended.
var errEnded = errors.New("it has ended")

// until asks again and again, until there is no error. It gives up when ctx or what is asked ends, with the last error.
func until(ctx context.Context, ended <-chan struct{}, ask func(context.Context) error) error {
	again := time.NewTicker(pollEvery)
	defer again.Stop()
	for {
		askCtx, cancel := context.WithTimeout(ctx, askMax)
		err := ask(askCtx)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ended:
			return fmt.Errorf("%w: %w", errEnded, err)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// Controller is the number of the broker that is the active controller.
func (c *Cluster) Controller(ctx context.Context) (int, error) {
	leader := -1
	err := c.ask(ctx, func(ctx context.Context, client *kgo.Client) error {
		req := kmsg.NewPtrDescribeQuorumRequest()
		topic := kmsg.NewDescribeQuorumRequestTopic()
		topic.Topic = "__cluster_metadata"
		topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
		req.Topics = append(req.Topics, topic)
		resp, err := req.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return err
				}
				leader = int(p.LeaderID)
			}
		}
		if leader < 0 {
			return errNotYet
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("find controller: %w", err)
	}
	return leader, nil
}

// InSync waits until every replica of every partition is in sync.
func (c *Cluster) InSync(ctx context.Context) error {
	err := c.ask(ctx, func(ctx context.Context, client *kgo.Client) error {
		req := kmsg.NewPtrMetadataRequest()
		req.Topics = nil // all
		resp, err := req.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if len(p.ISR) < len(p.Replicas) || p.Leader < 0 {
					return fmt.Errorf("%w: partition %d of %s has %d of %d replicas in sync", errNotYet, p.Partition, *t.Topic, len(p.ISR), len(p.Replicas))
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("wait for replicas: %w", err)
	}
	return nil
}

// ask asks the cluster until there is no error.
func (c *Cluster) ask(ctx context.Context, question func(context.Context, *kgo.Client) error) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()...), kgo.DisableClientMetrics())
	if err != nil {
		return err
	}
	defer client.Close()
	return until(ctx, nil, func(ctx context.Context) error { return question(ctx, client) })
}
