package cli

import (
	"context"
	"fmt"

	"parley/schemas"
)

// subscribersDeleteCmd deletes one.
type subscribersDeleteCmd struct {
	parleyFlags

	ID schemas.SubscriberID `arg:"" help:"Its number."`
}

// Run deletes it.
func (c *subscribersDeleteCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	if err := parley.DeleteSubscriber(ctx, c.ID); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "there is no subscriber %s any more\n", c.ID)
	return nil
}
