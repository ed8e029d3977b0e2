package cli

import (
	"context"
	"time"

	"parley/internal/account"
)

// keysCreateCmd makes a key.
type keysCreateCmd struct {
	kafkaFlags

	Account string   `arg:"" help:"The account on which the key acts."`
	Scopes  []string `sep:"," default:"read,submit" placeholder:"SCOPE,..." help:"What it allows: some of read, submit, admin."`
	Expires ahead    `placeholder:"WHEN" help:"When it ends by itself: a time as 2027-02-01T08:00:00Z, or how long from now, as 90d. Default: when it is revoked."`
	Name    string   `placeholder:"TEXT" help:"What it is for, for people."`
	JSON    bool     `name:"json" help:"Print it as JSON."`
}

// Help is shown by --help.
func (*keysCreateCmd) Help() string {
	return `The key alone goes to standard output, all else to standard error:

  KEY=$(parley keys create acme --scopes read,submit --expires 90d --name ci)`
}

// Run makes the key and shows it.
func (c *keysCreateCmd) Run(ctx context.Context, std streams) error {
	scopes, err := account.ParseScopes(c.Scopes)
	if err != nil {
		return err
	}
	k, text := account.MintKey(account.Key{
		Account: c.Account, Name: c.Name, Scopes: scopes, Created: time.Now().UTC(), Expires: c.Expires.UTC(), By: operator(),
	})
	if err := k.Validate(); err != nil {
		return err
	}
	agreed, err := c.control(ctx, std)
	if err != nil {
		return err
	}
	defer agreed.Close()
	if err := putKey(ctx, agreed, k); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, keyJSONOf(&k, text))
	}
	giveOut(std, &k, text)
	return nil
}
