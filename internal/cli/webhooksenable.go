package cli

import (
	"context"
	"fmt"
)

// webhooksEnableCmd has a target called again.
type webhooksEnableCmd struct {
	parleyFlags

	Address string `arg:"" help:"The address, as the calls have it and parley webhooks shows it."`
}

// Help is shown by --help.
func (*webhooksEnableCmd) Help() string {
	return `What ends from now on is told there again. What it has missed is found by parley results.`
}

// Run enables it.
func (c *webhooksEnableCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	w, err := parley.EnableTarget(ctx, c.Address)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s gets the callbacks of account %s again\n", c.Address, w.Account)
	return nil
}
