package node

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/processor/replies"
)

// openReplies adds the stage that reads what backends answer by Kafka. It ends before the processor, which the answers
// are for.
func (n *node) openReplies() error {
	if !n.cfg.Roles.Processor {
		return nil
	}
	r, err := replies.New(replies.Config{
		Kafka:      append(n.memberOptions("replies"), kgo.SessionTimeout(n.sessionTimeout())),
		Topics:     n.topics,
		Partitions: n.layout.Partitions,
		Group:      n.group("replies"),
		Routes:     n.routes,
		Tokens:     n.tokens,
		Log:        n.log,
		Metrics:    n.metrics,
	})
	if err != nil {
		return err
	}
	n.stages = append(n.stages, stage{"replies", r.Run})
	return nil
}
