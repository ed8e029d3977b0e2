package node

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/results/subscriber"
)

// openFanout adds the stage that puts what ends into the queues of subscribers, on a node with the role results.
func (n *node) openFanout() error {
	if !n.cfg.Roles.Results {
		return nil
	}
	f, err := subscriber.NewFanout(subscriber.FanoutConfig{
		Client:             append(n.memberOptions("subscribers"), kgo.SessionTimeout(n.sessionTimeout()), kgo.WithHooks(n.kafkaMetrics("subscribers"))),
		Topics:             n.topics,
		Group:              n.group("subscribers"),
		TransactionalID:    n.group("subscribers") + "-" + n.cfg.Instance,
		TransactionTimeout: n.sessionTimeout(),
		Control:            n.control,
		Log:                n.log,
		Registerer:         n.metrics,
	})
	if err != nil {
		return err
	}
	n.stages = append(n.stages, stage{"subscribers", f.Run})
	return nil
}

// openQueues returns who hands out what is in the queues, until the node is closed.
func (n *node) openQueues() (*subscriber.Queues, error) {
	client, err := kgo.NewClient(append(n.kafkaOptions("queues"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return nil, fmt.Errorf("configure Kafka client of queues: %w", err)
	}
	n.closers = append(n.closers, func() error { client.Close(); return nil })
	spec := n.topicSpec()
	spec.Replication = n.replication
	return subscriber.NewQueues(subscriber.QueuesConfig{Client: client, Spec: spec, Control: n.control}), nil
}
