package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"

	"parley/internal/control"
)

// accountsListCmd lists accounts.
type accountsListCmd struct {
	kafkaFlags

	JSON bool `name:"json" help:"Print them as JSON, one a line."`
}

// Run prints a row per account.
func (c *accountsListCmd) Run(ctx context.Context, std streams) error {
	agreed, err := c.control(ctx, std)
	if err != nil {
		return err
	}
	defer agreed.Close()
	names := accountsOf(agreed)
	rows := newTable("account", "keys", "rate", "burst", "open calls", "staged bytes")
	for _, name := range names {
		t, keys := agreed.Terms(name), len(goodKeys(agreed, name))
		if c.JSON {
			if err := printJSON(std.out, termsJSONOf(t, keys)); err != nil {
				return err
			}
			continue
		}
		rows.AppendRow(table.Row{name, keys, rateText(t.Rate), burstText(t.Burst), openCallsText(t.OpenCalls), stagedBytesText(t.StagedBytes)})
	}
	switch {
	case c.JSON:
	case len(names) == 0:
		fmt.Fprintln(std.out, "no account has keys or limits of its own")
	default:
		fmt.Fprintln(std.out, rows.Render())
	}
	return nil
}

// accountsOf are the accounts that have ever had keys, or that have limits of their own.
func accountsOf(agreed *control.Control) []string {
	names := make(map[string]bool)
	for _, k := range agreed.Keys() {
		names[k.Account] = true
	}
	for _, t := range agreed.AllTerms() {
		if !t.Default() {
			names[t.Account] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
