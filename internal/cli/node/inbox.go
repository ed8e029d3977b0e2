package node

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/ingest/inbox"
)

// openInbox adds the stage that takes the calls of tenants who have topics of their own.
func (n *node) openInbox() error {
	if !n.cfg.Roles.Ingest {
		return nil
	}
	r, err := inbox.New(inbox.Config{
		Kafka:      append(n.memberOptions("inbox"), kgo.SessionTimeout(n.sessionTimeout())),
		Topics:     n.topics,
		Partitions: n.layout.Partitions,
		Group:      n.group("ingest"),
		Limits:     n.cfg.Limits,
		Routes:     n.routes,
		Tokens:     n.tokens,
		Log:        n.log,
		Metrics:    n.metrics,
	})
	if err != nil {
		return err
	}
	n.stages = append(n.stages, stage{"inbox", r.Run})
	return nil
}
