package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"parley/schemas"
)

// subscribersCmd is about the readers of queues.
type subscribersCmd struct {
	List   subscribersListCmd   `cmd:"" default:"withargs" help:"Show the subscribers of the account. The default."`
	Create subscribersCreateCmd `cmd:"" help:"Make a subscriber, with a queue of its own."`
	Show   subscribersShowCmd   `cmd:"" help:"Show a subscriber, and how its queue stands."`
	Delete subscribersDeleteCmd `cmd:"" help:"Delete a subscriber, with everything that is in its queue."`
}

// Help is shown by --help.
func (*subscribersCmd) Help() string {
	return `A subscriber gets what ends after it was made, in a queue of its own, once, until it acknowledges it.

  parley subscribers create warehouse --types call.completed,call.failed --object-types Order
  parley subscribers
  parley subscribers show 1
  parley dequeue 1 --follow
  parley subscribers delete 1`
}

// subscribersListCmd shows those of the account.
type subscribersListCmd struct {
	parleyFlags

	JSON bool `name:"json" help:"Print them as JSON, one a line."`
}

// Run prints a row for each.
func (c *subscribersListCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	all, err := parley.Subscribers(ctx)
	if err != nil {
		return err
	}
	rows := newTable("subscriber", "name", "gets", "of objects", "block", "since")
	for _, s := range all {
		if c.JSON {
			if err := printJSON(std.out, s); err != nil {
				return err
			}
			continue
		}
		rows.AppendRow(table.Row{s.SubscriberID, s.Name, strings.Join(s.TransactionTypes, ", "), objectsOf(s), s.MaxBlockCount, at(&s.CreatedAt)})
	}
	if !c.JSON {
		fmt.Fprintln(std.out, rows.Render())
	}
	return nil
}

func objectsOf(s schemas.SubscriberResource) string {
	if len(s.ObjectTypes) == 0 {
		return "any type"
	}
	return strings.Join(s.ObjectTypes, ", ")
}
