package cli

import (
	"context"
	"fmt"
	"strings"

	"parley/schemas"
)

// subscribersShowCmd shows one.
type subscribersShowCmd struct {
	parleyFlags

	ID   schemas.SubscriberID `arg:"" help:"Its number."`
	JSON bool                 `name:"json" help:"Print it as JSON."`
}

// Run shows it.
func (c *subscribersShowCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	s, err := parley.Subscriber(ctx, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, s)
	}
	fmt.Fprintf(std.out, "subscriber %s (%s) of account %s, since %s\n", s.SubscriberID, s.Name, s.Account, at(&s.CreatedAt))
	fmt.Fprintf(std.out, "  gets          %s of %s, up to %d in a block\n", strings.Join(s.TransactionTypes, ", "), objectsOf(s), s.MaxBlockCount)
	if q := s.Queue; q != nil {
		fmt.Fprintf(std.out, "  waiting       %s\n", waiting(q))
		fmt.Fprintf(std.out, "  acknowledged  up to %d, of %d handed out; last at %s\n", q.Acknowledged, q.HandedOut, at(q.LastDequeuedAt))
	}
	fmt.Fprintf(std.out, "  warned from   %d on, alarmed from %d\n", s.WarnDepth, s.FullDepth)
	return nil
}

// waiting says how many transactions are not acknowledged.
func waiting(q *schemas.QueueResource) string {
	switch {
	case q.Depth == 0:
		return "nothing"
	case q.Exact:
		return fmt.Sprintf("%d, the first since %s", q.Depth, at(q.OldestAt))
	}
	return fmt.Sprintf("up to %d, the first since %s", q.Depth, at(q.OldestAt))
}
