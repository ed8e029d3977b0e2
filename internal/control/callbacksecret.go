package control

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"

	"parley/internal/account"
	"parley/internal/webhook"
)

// CallbackSecrets returns the secrets that sign the callbacks of an account, and makes the first one when it has none:
// every process that asks gets the same. That takes a while, for which Run must be running; the error says that Kafka did
// not answer before ctx ended.
func (c *Control) CallbackSecrets(ctx context.Context, of string) (account.CallbackSecrets, error) {
	if s := c.knownCallbackSecrets(of); s != nil {
		return *s, nil
	}
	select {
	case c.makesSecret <- struct{}{}: // one at a time: many callbacks of an account may ask at once
		defer func() { <-c.makesSecret }()
	case <-ctx.Done():
		return account.CallbackSecrets{}, fmt.Errorf("make first callback secret: %w", ctx.Err())
	}
	if s := c.knownCallbackSecrets(of); s != nil {
		return *s, nil
	}
	return c.makeCallbackSecret(ctx, of)
}

// makeCallbackSecret makes the first secret of an account, or takes that which another process has made before.
func (c *Control) makeCallbackSecret(ctx context.Context, of string) (account.CallbackSecrets, error) {
	first := account.FirstCallbackSecret(of, time.Now().UTC(), "parley")
	if err := first.Validate(); err != nil {
		return account.CallbackSecrets{}, fmt.Errorf("make first callback secret: %w", err)
	}
	value, err := encodeCallbackSecrets(first)
	if err != nil {
		return account.CallbackSecrets{}, err
	}
	offset, err := c.append(ctx, firstSecretPrefix+of+"/"+first.Secrets[0].ID(), value)
	if err != nil {
		return account.CallbackSecrets{}, err
	}
	if err := c.read.await(ctx, offset); err != nil {
		return account.CallbackSecrets{}, fmt.Errorf("read back %s: %w", c.topic, err)
	}
	if s := c.knownCallbackSecrets(of); s != nil {
		return *s, nil
	}
	return account.CallbackSecrets{}, fmt.Errorf("the secrets of account %s in %s cannot be read by this program", of, c.topic)
}

// knownCallbackSecrets are those that were put, else those that were made first; nil: there are none yet.
func (c *Control) knownCallbackSecrets(of string) *account.CallbackSecrets {
	if s := c.callbackSecrets.get(of); s != nil {
		return s
	}
	return c.firstSecrets.get(of)
}

// PutCallbackSecrets has secrets sign the callbacks of their account. The error says that they may not have been written;
// to put them again is safe.
func (c *Control) PutCallbackSecrets(ctx context.Context, s account.CallbackSecrets) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("put callback secrets: %w", err)
	}
	value, err := encodeCallbackSecrets(s)
	if err != nil {
		return err
	}
	return c.write(ctx, callbackSecretPrefix+s.Account, value)
}

const callbackSecretPrefix = "callback-secrets/"

func (c *Control) kindCallbackSecrets() kind[account.CallbackSecrets] {
	return kind[account.CallbackSecrets]{
		prefix: callbackSecretPrefix,
		decode: decodeCallbackSecrets,
		log:    c.logCallbackSecrets,
		ill: func(name string, offset, err slog.Attr) {
			c.log.Warn("callback secrets not understood; those before go on signing", slog.String("account", name), offset, err)
		},
	}
}

func (c *Control) logCallbackSecrets(of string, _, is *account.CallbackSecrets) {
	if is == nil {
		c.log.Info("callback secrets removed", audited, slog.String("account", of))
		return
	}
	ids := make([]string, len(is.Secrets))
	for i, s := range is.Secrets {
		ids[i] = s.ID()
	}
	c.log.Info("callback secrets changed", audited, slog.String("account", of), slog.Any("secrets", ids), slog.String("by", is.By))
}

// callbackSecretsVersion is the version of callbackSecretsJSON that this package writes, and the latest that it reads.
const callbackSecretsVersion = 1

// callbackSecretsJSON are secrets as they are written.
type callbackSecretsJSON struct {
	Version int                  `json:"version"`
	Account string               `json:"account"`
	Secrets []callbackSecretJSON `json:"secrets"`
	By      string               `json:"by"`
}

type callbackSecretJSON struct {
	Secret  string    `json:"secret"`
	Created time.Time `json:"created"`
	Retires time.Time `json:"retires,omitzero"`
}

func encodeCallbackSecrets(c account.CallbackSecrets) ([]byte, error) {
	written := callbackSecretsJSON{Version: callbackSecretsVersion, Account: c.Account, By: c.By}
	for _, s := range c.Secrets {
		written.Secrets = append(written.Secrets, callbackSecretJSON{Secret: s.Text(), Created: s.Created.UTC(), Retires: s.Retires.UTC()})
	}
	b, err := json.Marshal(written)
	if err != nil {
		return nil, fmt.Errorf("encode callback secrets of %q: %w", c.Account, err)
	}
	return b, nil
}

// decodeCallbackSecrets reads the value of an account.
func decodeCallbackSecrets(of string, value []byte) (account.CallbackSecrets, error) {
	said, err := decodeVersion[callbackSecretsJSON](value, callbackSecretsVersion)
	if err != nil {
		return account.CallbackSecrets{}, err
	}
	if said.Account != of {
		return account.CallbackSecrets{}, fmt.Errorf("the value is of account %q", said.Account)
	}
	c := account.CallbackSecrets{Account: said.Account, By: said.By}
	for i, s := range said.Secrets {
		secret, err := webhook.ParseSecret(s.Secret)
		if err != nil {
			return account.CallbackSecrets{}, fmt.Errorf("secret %d: %w", i, err)
		}
		c.Secrets = append(c.Secrets, account.CallbackSecret{Secret: secret, Created: s.Created, Retires: s.Retires})
	}
	err = c.Validate()
	return c, err
}
