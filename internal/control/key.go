package control

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"

	"parley/internal/account"
)

// Key returns the API key with an id; nil: there is none. Whether it is still good is for its user to say, who must not
// change it.
func (c *Control) Key(id string) *account.Key { return c.keys.get(id) }

// Keys are all API keys that there ever were, by id.
func (c *Control) Keys() []*account.Key { return c.keys.all() }

// PutKey keeps a key, new or changed. The error says that it may not have been written; to put it again is safe.
func (c *Control) PutKey(ctx context.Context, k account.Key) error {
	if err := k.Validate(); err != nil {
		return fmt.Errorf("put key: %w", err)
	}
	value, err := encodeKey(k)
	if err != nil {
		return err
	}
	return c.write(ctx, keyPrefix+k.ID, value)
}

const keyPrefix = "key/"

func (c *Control) kindKey() kind[account.Key] {
	return kind[account.Key]{
		prefix: keyPrefix,
		decode: decodeKey,
		log:    c.logKey,
		ill: func(name string, offset, err slog.Attr) {
			c.log.Warn("API key not understood; it is good no more here", slog.String("key", name), offset, err)
		},
		illTakesBack: true, // it may say that the key is revoked
	}
}

func (c *Control) logKey(id string, was, is *account.Key) {
	switch {
	case is == nil:
		c.log.Info("API key removed", audited, slog.String("key", id))
	case !is.Revoked.IsZero():
		c.log.Info("API key revoked", keyAttributes(is)...)
	case was == nil:
		c.log.Info("API key made", keyAttributes(is)...)
	default:
		c.log.Info("API key changed", keyAttributes(is)...)
	}
}

// audited marks the log of what administrators do.
var audited = slog.Bool("audit", true)

func keyAttributes(k *account.Key) []any {
	all := []any{audited, slog.String("key", k.ID), slog.String("account", k.Account), slog.Any("scopes", k.Scopes), slog.String("by", k.By)}
	if k.Name != "" {
		all = append(all, slog.String("name", k.Name))
	}
	if !k.Expires.IsZero() {
		all = append(all, slog.Time("expires", k.Expires))
	}
	return all
}

// keyVersion is the version of keyJSON that this package writes, and the latest that it reads.
const keyVersion = 1

// keyJSON is a key as it is written.
type keyJSON struct {
	Version int             `json:"version"`
	ID      string          `json:"id"`
	Account string          `json:"account"`
	Name    string          `json:"name,omitempty"`
	Scopes  []account.Scope `json:"scopes"`
	SHA256  string          `json:"sha256"`
	Created time.Time       `json:"created"`
	Expires time.Time       `json:"expires,omitzero"`
	Revoked time.Time       `json:"revoked,omitzero"`
	By      string          `json:"by"`
}

func encodeKey(k account.Key) ([]byte, error) {
	b, err := json.Marshal(keyJSON{
		Version: keyVersion,
		ID:      k.ID,
		Account: k.Account,
		Name:    k.Name,
		Scopes:  k.Scopes,
		SHA256:  hex.EncodeToString(k.Hash[:]),
		Created: k.Created.UTC(),
		Expires: k.Expires.UTC(),
		Revoked: k.Revoked.UTC(),
		By:      k.By,
	})
	if err != nil {
		return nil, fmt.Errorf("encode key %s: %w", k.ID, err)
	}
	return b, nil
}

// decodeKey reads the value of a key's id.
func decodeKey(id string, value []byte) (account.Key, error) {
	said, err := decodeVersion[keyJSON](value, keyVersion)
	if err != nil {
		return account.Key{}, err
	}
	k := account.Key{
		ID:      said.ID,
		Account: said.Account,
		Name:    said.Name,
		Scopes:  said.Scopes,
		Created: said.Created,
		Expires: said.Expires,
		Revoked: said.Revoked,
		By:      said.By,
	}
	if n, err := hex.Decode(k.Hash[:], []byte(said.SHA256[:min(len(said.SHA256), 2*len(k.Hash))])); err != nil || n != len(k.Hash) || len(said.SHA256) != 2*len(k.Hash) {
		return account.Key{}, fmt.Errorf("sha256 has %d characters, which are not the %d hexadecimal digits of one", len(said.SHA256), 2*len(k.Hash))
	}
	if said.ID != id {
		return account.Key{}, fmt.Errorf("the value is of key %q", said.ID)
	}
	err = k.Validate()
	return k, err
}
