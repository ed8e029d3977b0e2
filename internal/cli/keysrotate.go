package cli

import (
	"context"
	"fmt"
	"time"

	"parley/internal/account"
)

// keysRotateCmd makes a key in place of another.
type keysRotateCmd struct {
	kafkaFlags

	ID      keyID `arg:"" help:"The id of the key; the whole key is understood, too."`
	Overlap span  `default:"24h" placeholder:"DURATION" help:"How long the old key is good beside the new one; 0: it ends at once."`
	Expires ahead `placeholder:"WHEN" help:"When the new key ends by itself. Default: after as long as the old one was made for."`
	JSON    bool  `name:"json" help:"Print the new key as JSON."`
}

// Help is shown by --help.
func (*keysRotateCmd) Help() string {
	return `The new key is of the same account, with the same scopes and the same name. It alone goes to standard output:

  KEY=$(parley keys rotate JBSWY3DPEB --overlap 24h)`
}

// Run makes the new key, shows it, and sets the end of the old one.
func (c *keysRotateCmd) Run(ctx context.Context, std streams) error {
	agreed, err := c.control(ctx, std)
	if err != nil {
		return err
	}
	defer agreed.Close()
	old, err := namedKey(agreed, c.ID)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	if ended := old.Ended(now); ended != "" {
		return fmt.Errorf("key %s of account %s %s; parley keys create makes another", old.ID, old.Account, ended)
	}
	k, text := account.MintKey(c.successor(old, now))
	if err := putKey(ctx, agreed, k); err != nil {
		return err
	}
	if !c.JSON {
		giveOut(std, &k, text)
	} else if err := printJSON(std.out, keyJSONOf(&k, text)); err != nil {
		return err
	}
	if end := now.Add(time.Duration(c.Overlap)); old.Expires.IsZero() || end.Before(old.Expires) {
		old.Expires, old.By = end, k.By
		if err := putKey(ctx, agreed, old); err != nil {
			return fmt.Errorf("the new key is good, but the end of the old one may not have been set; parley keys revoke %s ends it: %w", old.ID, err)
		}
	}
	fmt.Fprint(std.err, "The old ")
	describeKey(std.err, &old)
	return nil
}

// successor is the key that takes the place of another, but for its secret.
func (c *keysRotateCmd) successor(old account.Key, now time.Time) account.Key {
	k := account.Key{Account: old.Account, Name: old.Name, Scopes: old.Scopes, Created: now, Expires: c.Expires.UTC(), By: operator()}
	if c.Expires.IsZero() && !old.Expires.IsZero() {
		k.Expires = now.Add(old.Expires.Sub(old.Created))
	}
	return k
}
