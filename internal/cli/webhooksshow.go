package cli

import (
	"context"
	"fmt"
)

// webhooksShowCmd shows what signs callbacks, and who gets none.
type webhooksShowCmd struct {
	parleyFlags

	Secret bool `xor:"form" help:"Print the youngest secret alone, for a script."`
	JSON   bool `name:"json" xor:"form" help:"Print it as JSON."`
}

// Help is shown by --help.
func (*webhooksShowCmd) Help() string {
	return `An account that has no secret gets its first one.

  PARLEY_WEBHOOK_SECRET=$(parley webhooks show --secret)`
}

// Run asks, and prints.
func (c *webhooksShowCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	w, err := parley.Webhooks(ctx)
	switch {
	case err != nil:
		return err
	case c.JSON:
		return printJSON(std.out, w)
	case c.Secret:
		fmt.Fprintln(std.out, w.Secrets[0].Secret)
	default:
		showWebhooks(std, w)
	}
	return nil
}
