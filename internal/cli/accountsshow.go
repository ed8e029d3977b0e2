package cli

import (
	"context"
	"fmt"
	"io"

	"parley/internal/account"
)

// accountsShowCmd shows an account.
type accountsShowCmd struct {
	kafkaFlags

	Account string `arg:"" help:"The account."`
	JSON    bool   `name:"json" help:"Print its limits as JSON."`
}

// Run prints its limits, and its keys that are good.
func (c *accountsShowCmd) Run(ctx context.Context, std streams) error {
	agreed, err := c.control(ctx, std)
	if err != nil {
		return err
	}
	defer agreed.Close()
	t, keys := agreed.Terms(c.Account), goodKeys(agreed, c.Account)
	if c.JSON {
		return printJSON(std.out, termsJSONOf(t, len(keys)))
	}
	writeTerms(std.out, t)
	for _, k := range keys {
		describeKey(std.out, k)
	}
	return nil
}

func writeTerms(w io.Writer, t account.Terms) {
	fmt.Fprintf(w, "account %s\n", t.Account)
	for _, line := range [][2]string{
		{"rate", rateText(t.Rate)},
		{"burst", burstText(t.Burst)},
		{"open calls", openCallsText(t.OpenCalls)},
		{"staged bytes", stagedBytesText(t.StagedBytes)},
	} {
		fmt.Fprintf(w, "  %-14s%s\n", line[0], line[1])
	}
	if t.By != "" {
		fmt.Fprintf(w, "  %-14s%s, %s\n", "set by", t.By, at(&t.Since))
	}
}
