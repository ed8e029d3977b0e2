package cli

import (
	"context"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
)

// keysListCmd lists keys.
type keysListCmd struct {
	kafkaFlags

	Account string `arg:"" optional:"" help:"Only those of this account."`
	JSON    bool   `name:"json" help:"Print them as JSON, one a line."`
}

// Run prints a row per key.
func (c *keysListCmd) Run(ctx context.Context, std streams) error {
	agreed, err := c.control(ctx, std)
	if err != nil {
		return err
	}
	defer agreed.Close()
	rows := newTable("id", "account", "name", "scopes", "state", "created", "expires", "by")
	n := 0
	for _, k := range agreed.Keys() {
		if c.Account != "" && k.Account != c.Account {
			continue
		}
		n++
		if c.JSON {
			if err := printJSON(std.out, keyJSONOf(k, "")); err != nil {
				return err
			}
			continue
		}
		rows.AppendRow(table.Row{k.ID, k.Account, k.Name, scopesText(k.Scopes), keyState(k), at(&k.Created), at(unlessZero(k.Expires)), k.By})
	}
	switch {
	case c.JSON:
	case n == 0:
		fmt.Fprintln(std.out, "no keys")
	default:
		fmt.Fprintln(std.out, rows.Render())
	}
	return nil
}
