package cli

import (
	"context"
	"fmt"
	"time"

	"parley/schemas"
)

// webhooksRotateCmd makes a secret in place of those before.
type webhooksRotateCmd struct {
	parleyFlags

	Overlap span `default:"24h" placeholder:"DURATION" help:"How long the secrets before sign beside the new one, up to 90d; 0: they end at once, as when one has become known to others."`
	JSON    bool `name:"json" help:"Print all secrets as JSON."`
}

// Help is shown by --help.
func (*webhooksRotateCmd) Help() string {
	return `Within the overlap each callback has a signature of every secret: give receivers the new one in that time. The new secret alone goes to standard output:

  PARLEY_WEBHOOK_SECRET=$(parley webhooks rotate --overlap 24h)`
}

// Run makes it, and shows it.
func (c *webhooksRotateCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	seconds := int64(time.Duration(c.Overlap) / time.Second)
	w, err := parley.RotateWebhookSecret(ctx, schemas.WebhookRotation{OverlapSeconds: &seconds})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, w)
	}
	fmt.Fprintln(std.out, w.Secrets[0].Secret)
	fmt.Fprintf(std.err, "secret %s of account %s signs from now on\n", w.Secrets[0].ID, w.Account)
	for _, s := range w.Secrets[1:] {
		fmt.Fprintf(std.err, "secret %s signs beside it until %s\n", s.ID, at(s.RetiresAt))
	}
	return nil
}
