package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"parley/internal/account"
	"parley/internal/control"
)

// keysCmd looks after API keys.
type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a key for an account, and show it."`
	List   keysListCmd   `cmd:"" help:"List the keys there are, and those that have ended."`
	Revoke keysRevokeCmd `cmd:"" help:"End keys."`
	Rotate keysRotateCmd `cmd:"" help:"Make a key in place of another, which ends a while later."`
}

// Help is shown by --help.
func (*keysCmd) Help() string {
	return `With PARLEY_AUTH=keys, whoever sends or asks shows a key in the header Authorization: Bearer KEY. It says the account, and what may be done: read (polls, lists, results), submit (calls, cancels, resubmissions), admin (routes and their maintenance, which concern all accounts).

  KEY=$(parley keys create acme --scopes read,submit --expires 90d --name ci)
  PARLEY_API_KEY=$KEY parley submit calls.ndjson --wait
  parley keys rotate JBSWY3DPEB --overlap 24h
  parley keys revoke JBSWY3DPEB

These verbs speak to Kafka, and need no key. Every process hears of a change within a second. What is kept of a key is its SHA-256: nobody can find the key out again.`
}

// keyID names a key: its id, or the whole key, as when one was found where it should not be.
type keyID string

// UnmarshalText reads what was given.
func (id *keyID) UnmarshalText(text []byte) error {
	parsed, err := account.ParseKeyID(string(text))
	if err != nil {
		parsed = string(text)
	}
	*id = keyID(parsed)
	return nil
}

// namedKey returns the key with an id, to be changed.
func namedKey(c *control.Control, id keyID) (account.Key, error) {
	k := c.Key(string(id))
	if k == nil {
		return account.Key{}, fmt.Errorf("there is no key %.100q; parley keys list shows all", string(id))
	}
	return *k, nil
}

// putKey keeps a key.
func putKey(ctx context.Context, c *control.Control, k account.Key) error {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	return c.PutKey(ctx, k)
}

// keyJSON is a key as programs are told of it.
type keyJSON struct {
	ID      string          `json:"id"`
	Account string          `json:"account"`
	Name    string          `json:"name"`
	Scopes  []account.Scope `json:"scopes"`
	State   string          `json:"state"`
	Created time.Time       `json:"created"`
	Expires *time.Time      `json:"expires"`
	Revoked *time.Time      `json:"revoked"`
	By      string          `json:"by"`
	Key     string          `json:"key,omitempty"`
}

// keyJSONOf is a key, with its text if it is being given out.
func keyJSONOf(k *account.Key, text string) keyJSON {
	return keyJSON{
		ID:      k.ID,
		Account: k.Account,
		Name:    k.Name,
		Scopes:  k.Scopes,
		State:   keyState(k),
		Created: k.Created,
		Expires: unlessZero(k.Expires),
		Revoked: unlessZero(k.Revoked),
		By:      k.By,
		Key:     text,
	}
}

// unlessZero is nil for a time that is not set.
func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// keyState is good, expired or revoked.
func keyState(k *account.Key) string {
	switch {
	case k.Ended(time.Now()) == "":
		return "good"
	case k.Revoked.IsZero():
		return "expired"
	}
	return "revoked"
}

// scopesText is what a key allows.
func scopesText(scopes []account.Scope) string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

// giveOut shows a new key, this once: alone on standard output, so that a script can take it.
func giveOut(std streams, k *account.Key, text string) {
	fmt.Fprintln(std.out, text)
	describeKey(std.err, k)
	fmt.Fprintln(std.err, "It is not shown again.")
}

func describeKey(w io.Writer, k *account.Key) {
	expires := "does not expire"
	if !k.Expires.IsZero() {
		expires = "expires " + at(&k.Expires)
	}
	fmt.Fprintf(w, "key %s of account %s (%s) %s\n", k.ID, k.Account, scopesText(k.Scopes), expires)
}
