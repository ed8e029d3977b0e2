package cli

import (
	"context"
	"fmt"

	"parley/internal/cli/client"
	"parley/schemas"
)

// cancelCmd cancels a conversation.
type cancelCmd struct {
	parleyFlags

	ID string `arg:"" help:"A conversationId, or the request id of a call without one."`
}

// Help is shown by --help.
func (*cancelCmd) Help() string {
	return `  parley cancel order-1234

Exit code: 0 when it is cancelled, now or before; 1 when it has begun, or cannot be cancelled now. To say it again is safe.`
}

// Run cancels it.
func (c *cancelCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	var r schemas.ConversationResource
	err = insist(ctx, func() (err error) {
		r, err = parley.Cancel(ctx, c.ID)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "conversation %s of %s: %s\n", r.ConversationID, r.Account, r.Status)
	return nil
}

// insist does what is safe to do again until Parley can tell what came of it, as for a moment after a start nobody can.
func insist(ctx context.Context, do func() error) error {
	return client.Insist(ctx, client.Patience{For: silenceMax}, do)
}
