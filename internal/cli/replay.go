package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
)

// replayCmd has the sink read parley.results again.
type replayCmd struct {
	kafkaFlags

	From moment `placeholder:"WHEN" help:"Only what was written since then, and what is not in ClickHouse: a time as 2026-11-22T08:00:00Z, or how long ago, as 24h. Default: all that Kafka still has."`
}

// Help is shown by --help.
func (*replayCmd) Help() string {
	return `For when ClickHouse has lost rows, or was restored from a backup: every event that Kafka still has is stored again. What ClickHouse has already is shown once all the same. Kafka has what was written within the last day (PARLEY_TRIM_AFTER), and what is not in ClickHouse.

First stop all nodes with the role results, or start them without it. The command says so until the last of them has left its group; calls are taken and carried out meanwhile.

  parley replay
  parley replay --from 2026-11-22T08:00:00Z

Then start the nodes again. parley audit says whether all is there.`
}

// replayTimeout bounds the wait for the brokers.
const replayTimeout = 30 * time.Second

// Run sets the sink back and says how far.
func (c *replayCmd) Run(ctx context.Context, std streams) error {
	opts, err := c.reach(ctx, std.err)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("configure Kafka client: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	records, err := topics.Rewind(ctx, client, c.TopicPrefix+".sink", c.topics().Results, c.From.Time)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s offsets of %s are read again when a node with the role results starts\n", number(int(records)), c.topics().Results)
	return nil
}
