package account

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"parley/internal/webhook"
	"parley/schemas"
)

// CallbackSecrets are those that sign the callbacks of an account. All that are good sign, so that a secret can be replaced
// while receivers still have the one before.
type CallbackSecrets struct {
	Account string
	// Secrets are in the order in which they were made, the youngest first: at most CallbackSecretsMax.
	Secrets []CallbackSecret
	// By is who made the youngest, or retired one last.
	By string
}

// CallbackSecret is one of them.
type CallbackSecret struct {
	webhook.Secret
	Created time.Time
	// Retires is when it signs no more; zero: when another takes its place.
	Retires time.Time
}

// CallbackSecretsMax bounds how many secrets of an account are good at a time: each is a signature in every callback.
const CallbackSecretsMax = 5

// FirstCallbackSecret returns the secrets of an account that has none, with one that is made now.
func FirstCallbackSecret(of string, now time.Time, by string) CallbackSecrets {
	return CallbackSecrets{Account: of, Secrets: []CallbackSecret{{Secret: webhook.NewSecret(), Created: now}}, By: by}
}

// Good are the secrets that sign, the youngest first. There is always one: that which no other has replaced.
func (c CallbackSecrets) Good(now time.Time) []CallbackSecret {
	return slices.DeleteFunc(slices.Clone(c.Secrets), func(s CallbackSecret) bool { return s.retired(now) })
}

// Signing are the good secrets, as what they sign with.
func (c CallbackSecrets) Signing(now time.Time) []webhook.Secret {
	all := make([]webhook.Secret, 0, len(c.Secrets))
	for _, s := range c.Secrets {
		if !s.retired(now) {
			all = append(all, s.Secret)
		}
	}
	return all
}

func (s CallbackSecret) retired(now time.Time) bool {
	return !s.Retires.IsZero() && !now.Before(s.Retires)
}

// ErrCallbackSecrets says that there are as many good secrets as there may be.
var ErrCallbackSecrets = fmt.Errorf("%d secrets are good, which is the most: retire one", CallbackSecretsMax)

// Rotate returns the secrets with a new one; those before retire after an overlap, unless they do so earlier. What has
// retired is dropped. The error is ErrCallbackSecrets.
func (c CallbackSecrets) Rotate(now time.Time, overlap time.Duration, by string) (CallbackSecrets, error) {
	fresh := FirstCallbackSecret(c.Account, now, by)
	for _, s := range c.Good(now) {
		if end := now.Add(overlap); s.Retires.IsZero() || end.Before(s.Retires) {
			s.Retires = end
		}
		if !s.retired(now) {
			fresh.Secrets = append(fresh.Secrets, s)
		}
	}
	if len(fresh.Secrets) > CallbackSecretsMax {
		return c, ErrCallbackSecrets
	}
	return fresh, nil
}

var (
	// ErrNoCallbackSecret says that no good secret has this id.
	ErrNoCallbackSecret = errors.New("no secret that is good has this id")
	// ErrLastCallbackSecret says that a secret has no successor, and so cannot retire.
	ErrLastCallbackSecret = errors.New("this is the secret that signs from now on: rotate, which makes another, and retire it then")
)

// Retire returns the secrets without one that was replaced, named by its id. The error is one of those above.
func (c CallbackSecrets) Retire(id string, now time.Time, by string) (CallbackSecrets, error) {
	rest := CallbackSecrets{Account: c.Account, Secrets: c.Good(now), By: by}
	at := slices.IndexFunc(rest.Secrets, func(s CallbackSecret) bool { return s.ID() == id })
	switch {
	case at < 0:
		return c, ErrNoCallbackSecret
	case rest.Secrets[at].Retires.IsZero():
		return c, ErrLastCallbackSecret
	}
	rest.Secrets = slices.Delete(rest.Secrets, at, at+1)
	return rest, nil
}

// Validate reports everything that is wrong with secrets.
func (c CallbackSecrets) Validate() error {
	var errs []error
	if !schemas.ValidAccount(c.Account) {
		errs = append(errs, fmt.Errorf("account %q: 1 to 64 of A-Z a-z 0-9 . _ -", c.Account))
	}
	if n := len(c.Secrets); n == 0 || n > CallbackSecretsMax {
		errs = append(errs, fmt.Errorf("%d secrets: from 1 to %d", n, CallbackSecretsMax))
	}
	for i, s := range c.Secrets {
		if s.Retires.IsZero() != (i == 0) {
			errs = append(errs, fmt.Errorf("secret %d: the first one does not retire, and all others do", i))
		}
	}
	return errors.Join(errs...)
}

// DisabledTarget is an address that wants no callbacks of an account any more: it has answered 410 Gone.
type DisabledTarget struct {
	Account string
	// Address is the ResponseAddress, as the calls have it.
	Address string
	Since   time.Time
}

// Validate reports everything that is wrong with a target.
func (d DisabledTarget) Validate() error {
	var errs []error
	if !schemas.ValidAccount(d.Account) {
		errs = append(errs, fmt.Errorf("account %q: 1 to 64 of A-Z a-z 0-9 . _ -", d.Account))
	}
	if d.Address == "" {
		errs = append(errs, errors.New("address: empty"))
	}
	return errors.Join(errs...)
}
