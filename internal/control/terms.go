package control

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"

	"parley/internal/account"
)

// Terms returns what is different for an account; the zero value but for its name: nothing is.
func (c *Control) Terms(of string) account.Terms {
	if t := c.terms.get(of); t != nil {
		return *t
	}
	return account.Terms{Account: of}
}

// AllTerms are those of all accounts of which anything was said, by account.
func (c *Control) AllTerms() []*account.Terms { return c.terms.all() }

// PutTerms has terms be in force for their account. The error says that they may not have been written; to put them
// again is safe.
func (c *Control) PutTerms(ctx context.Context, t account.Terms) error {
	if err := t.Validate(); err != nil {
		return fmt.Errorf("put terms: %w", err)
	}
	value, err := encodeTerms(t)
	if err != nil {
		return err
	}
	return c.write(ctx, termsPrefix+t.Account, value)
}

const termsPrefix = "account/"

func (c *Control) kindTerms() kind[account.Terms] {
	return kind[account.Terms]{
		prefix: termsPrefix,
		decode: decodeTerms,
		log:    c.logTerms,
		ill: func(name string, offset, err slog.Attr) {
			c.log.Warn("limits of an account not understood; what was said before stays in force", slog.String("account", name), offset, err)
		},
	}
}

func (c *Control) logTerms(of string, _, is *account.Terms) {
	all := []any{audited, slog.String("account", of)}
	if is == nil {
		c.log.Info("limits of an account removed", all...)
		return
	}
	all = appendSet(all, "rate", is.Rate)
	all = appendSet(all, "burst", is.Burst)
	all = appendSet(all, "open_calls", is.OpenCalls)
	all = appendSet(all, "staged_bytes", is.StagedBytes)
	c.log.Info("limits of an account set", append(all, slog.String("by", is.By))...)
}

// appendSet appends an attribute for what is set.
func appendSet[T any](attributes []any, name string, value *T) []any {
	if value == nil {
		return attributes
	}
	return append(attributes, slog.Any(name, *value))
}

// termsVersion is the version of termsJSON that this package writes, and the latest that it reads.
const termsVersion = 1

// termsJSON are terms as they are written.
type termsJSON struct {
	Version     int       `json:"version"`
	Account     string    `json:"account"`
	Rate        *float64  `json:"rate,omitzero"`
	Burst       *int      `json:"burst,omitzero"`
	OpenCalls   *int64    `json:"openCalls,omitzero"`
	StagedBytes *int64    `json:"stagedBytes,omitzero"`
	By          string    `json:"by"`
	Since       time.Time `json:"since"`
}

func encodeTerms(t account.Terms) ([]byte, error) {
	b, err := json.Marshal(termsJSON{
		Version:     termsVersion,
		Account:     t.Account,
		Rate:        t.Rate,
		Burst:       t.Burst,
		OpenCalls:   t.OpenCalls,
		StagedBytes: t.StagedBytes,
		By:          t.By,
		Since:       t.Since.UTC(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode terms of %q: %w", t.Account, err)
	}
	return b, nil
}

// decodeTerms reads the value of an account.
func decodeTerms(of string, value []byte) (account.Terms, error) {
	said, err := decodeVersion[termsJSON](value, termsVersion)
	if err != nil {
		return account.Terms{}, err
	}
	t := account.Terms{
		Account:     said.Account,
		Rate:        said.Rate,
		Burst:       said.Burst,
		OpenCalls:   said.OpenCalls,
		StagedBytes: said.StagedBytes,
		By:          said.By,
		Since:       said.Since,
	}
	if said.Account != of {
		return account.Terms{}, fmt.Errorf("the value is of account %q", said.Account)
	}
	err = t.Validate()
	return t, err
}
