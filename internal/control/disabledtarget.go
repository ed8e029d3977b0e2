package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"

	"parley/internal/account"
)

// DisabledTarget returns what is said of an address that wants no callbacks of an account any more; nil: it takes them.
func (c *Control) DisabledTarget(of, address string) *account.DisabledTarget {
	return c.disabledTargets.get(targetName(of, address))
}

// DisabledTargets are those of an account, in no order that means anything.
func (c *Control) DisabledTargets(of string) []*account.DisabledTarget {
	var all []*account.DisabledTarget
	for _, d := range c.disabledTargets.all() {
		if d.Account == of {
			all = append(all, d)
		}
	}
	return all
}

// DisableTarget has an address get no callbacks of an account, until EnableTarget. The error says that it may not have been
// written; to say it again is safe.
func (c *Control) DisableTarget(ctx context.Context, d account.DisabledTarget) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("disable target: %w", err)
	}
	value, err := json.Marshal(disabledTargetJSON{Version: disabledTargetVersion, Account: d.Account, Address: d.Address, Since: d.Since.UTC()})
	if err != nil {
		return fmt.Errorf("encode disabled target of %q: %w", d.Account, err)
	}
	return c.write(ctx, disabledTargetPrefix+targetName(d.Account, d.Address), value)
}

// EnableTarget takes that back. The error says that it may not have been written; to say it again is safe.
func (c *Control) EnableTarget(ctx context.Context, of, address string) error {
	return c.write(ctx, disabledTargetPrefix+targetName(of, address), nil)
}

const disabledTargetPrefix = "callback-disabled/"

// targetName is {account}/{SHA-256 of the address}: an address may be long, and hold what is for its value alone.
func targetName(of, address string) string {
	sum := sha256.Sum256([]byte(address))
	return of + "/" + hex.EncodeToString(sum[:])
}

func (c *Control) kindDisabledTarget() kind[account.DisabledTarget] {
	return kind[account.DisabledTarget]{
		prefix: disabledTargetPrefix,
		decode: decodeDisabledTarget,
		log:    c.logDisabledTarget,
		ill: func(name string, offset, err slog.Attr) {
			c.log.Warn("disabled target not understood; what was said before stays in force", slog.String("target", name), offset, err)
		},
	}
}

// logDisabledTarget names the target by its key: who may read the log need not know the address, which may hold a secret.
func (c *Control) logDisabledTarget(name string, was, is *account.DisabledTarget) {
	switch {
	case is != nil:
		c.log.Info("callback target disabled", audited, slog.String("target", name), slog.Time("since", is.Since))
	case was != nil: // else it was not disabled
		c.log.Info("callback target enabled", audited, slog.String("target", name))
	}
}

// disabledTargetVersion is the version of disabledTargetJSON that this package writes, and the latest that it reads.
const disabledTargetVersion = 1

// disabledTargetJSON is a target as it is written.
type disabledTargetJSON struct {
	Version int       `json:"version"`
	Account string    `json:"account"`
	Address string    `json:"address"`
	Since   time.Time `json:"since"`
}

// decodeDisabledTarget reads the value of a target's name.
func decodeDisabledTarget(name string, value []byte) (account.DisabledTarget, error) {
	said, err := decodeVersion[disabledTargetJSON](value, disabledTargetVersion)
	if err != nil {
		return account.DisabledTarget{}, err
	}
	d := account.DisabledTarget{Account: said.Account, Address: said.Address, Since: said.Since}
	if targetName(d.Account, d.Address) != name {
		return account.DisabledTarget{}, fmt.Errorf("the value is of another target, of account %q", said.Account)
	}
	err = d.Validate()
	return d, err
}
