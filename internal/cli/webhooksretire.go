package cli

import (
	"context"
	"fmt"
)

// webhooksRetireCmd ends a secret that was replaced.
type webhooksRetireCmd struct {
	parleyFlags

	ID string `arg:"" help:"The id of the secret, as parley webhooks has it."`
}

// Help is shown by --help.
func (*webhooksRetireCmd) Help() string {
	return `Within a second no process signs with it. The secret that was not replaced stays: rotate first.`
}

// Run ends it.
func (c *webhooksRetireCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	w, err := parley.RetireWebhookSecret(ctx, c.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "secret %s of account %s signs no more\n", c.ID, w.Account)
	return nil
}
