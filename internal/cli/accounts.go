package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"parley/internal/account"
	"parley/internal/control"
)

// accountsCmd looks after the limits of accounts.
type accountsCmd struct {
	Set  accountsSetCmd  `cmd:"" help:"Set limits of an account."`
	Show accountsShowCmd `cmd:"" help:"Show the limits and the keys of an account."`
	List accountsListCmd `cmd:"" help:"List the accounts that have keys, or limits of their own."`
}

// Help is shown by --help.
func (*accountsCmd) Help() string {
	return `Limits bound what is taken of an account's calls by HTTP; beyond them the answer is 429, with Retry-After. What producers write to Kafka themselves is not bound by them. The limits of all accounts are settings of parley serve (PARLEY_ACCOUNT_RATE, PARLEY_ACCOUNT_BURST, PARLEY_ACCOUNT_OPEN_CALLS, PARLEY_ACCOUNT_STAGED_BYTES); these verbs say what is different for one.

  parley accounts set acme --rate 500 --burst 2000 --open-calls 100000 --staged-bytes 1GiB
  parley accounts set acme --rate none --burst default
  parley accounts show acme

These verbs speak to Kafka, and need no key. Every process hears of a change within a second.`
}

// termsJSON are the limits of an account as programs are told of them; null: that of all accounts.
type termsJSON struct {
	Account     string     `json:"account"`
	Keys        int        `json:"keys"`
	Rate        *float64   `json:"rate"`
	Burst       *int       `json:"burst"`
	OpenCalls   *int64     `json:"openCalls"`
	StagedBytes *int64     `json:"stagedBytes"`
	By          string     `json:"by"`
	Since       *time.Time `json:"since"`
}

func termsJSONOf(t account.Terms, keys int) termsJSON {
	return termsJSON{
		Account:     t.Account,
		Keys:        keys,
		Rate:        t.Rate,
		Burst:       t.Burst,
		OpenCalls:   t.OpenCalls,
		StagedBytes: t.StagedBytes,
		By:          t.By,
		Since:       unlessZero(t.Since),
	}
}

// goodKeys are the keys of an account that have not ended.
func goodKeys(c *control.Control, of string) []*account.Key {
	now := time.Now()
	return slices.DeleteFunc(c.Keys(), func(k *account.Key) bool { return k.Account != of || k.Ended(now) != "" })
}

// rateText is a rate as a person reads it.
func rateText(rate *float64) string {
	return termText(rate, func(r float64) string { return strconv.FormatFloat(r, 'g', -1, 64) + " a second" })
}

func burstText(burst *int) string {
	if burst != nil && *burst == 0 {
		return "the rate"
	}
	return termText(burst, number)
}

func openCallsText(n *int64) string {
	return termText(n, func(n int64) string { return number(int(n)) })
}

func stagedBytesText(n *int64) string { return termText(n, bytesText) }

// termText is default, none, or what format makes of a limit.
func termText[T cmp.Ordered](limit *T, format func(T) string) string {
	var none T
	switch {
	case limit == nil:
		return "default"
	case *limit == none:
		return "none"
	}
	return format(*limit)
}

// bytesText is a number of bytes as it may be given.
func bytesText(n int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.bytes && n%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", n/unit.bytes, unit.name)
		}
	}
	return number(int(n))
}
