package cli

import (
	"context"
	"fmt"
	"time"

	"parley/internal/account"
)

// keysRevokeCmd ends keys.
type keysRevokeCmd struct {
	kafkaFlags

	ID []keyID `arg:"" help:"The ids of the keys; a whole key is understood, too."`
}

// Help is shown by --help.
func (*keysRevokeCmd) Help() string {
	return `Within a second no process takes them any more. A key that has been revoked cannot be taken back: make another.`
}

// Run revokes the keys, unless one of them does not exist.
func (c *keysRevokeCmd) Run(ctx context.Context, std streams) error {
	agreed, err := c.control(ctx, std)
	if err != nil {
		return err
	}
	defer agreed.Close()
	keys := make([]account.Key, len(c.ID))
	for i, id := range c.ID {
		if keys[i], err = namedKey(agreed, id); err != nil {
			return err
		}
	}
	for _, k := range keys {
		if k.Revoked.IsZero() {
			k.Revoked, k.By = time.Now().UTC(), operator()
			if err := putKey(ctx, agreed, k); err != nil {
				return err
			}
		}
		fmt.Fprintf(std.out, "key %s of account %s %s\n", k.ID, k.Account, k.Ended(k.Revoked))
	}
	return nil
}
