package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

// Keys knows the API keys.
type Keys interface {
	// Key returns the key with an id, also one that has ended; nil: there is none.
	Key(id string) *account.Key
}

// KeyAccess believes who shows an API key, or an access token that stands for one: they are of its account, and may do what its scopes
// allow.
type KeyAccess struct {
	keys   Keys
	tokens account.AccessTokens
	now    func() time.Time
}

// NewKeyAccess returns an Authenticator by the keys that there are.
func NewKeyAccess(keys Keys, tokens account.AccessTokens, now func() time.Time) KeyAccess {
	return KeyAccess{keys: keys, tokens: tokens, now: now}
}

// challenge asks for a key (RFC 6750, section 3).
const challenge = `Bearer realm="parley"`

// Caller implements Authenticator. The account is that of the key: a header Parley-Account may name it, and no other.
func (a KeyAccess) Caller(r *http.Request) (account.Caller, *schemas.Problem) {
	text, p := bearer(r.Header)
	if p != nil {
		return account.Caller{}, p
	}
	k, p := a.key(text)
	if p != nil {
		return account.Caller{}, p
	}
	for _, named := range r.Header.Values(accountHeader) {
		if named != k.Account {
			return account.Caller{}, &schemas.Problem{
				Code:   schemas.Forbidden,
				Detail: fmt.Sprintf("the API key is of the account %s, and the header %s names %.100q; leave the header out, or use a key of that account", k.Account, accountHeader, named),
			}
		}
	}
	return account.Caller{Account: k.Account, Key: k.ID, Scopes: k.Scopes}, nil
}

// Grant implements Authenticator. The secret is an API key.
func (a KeyAccess) Grant(secret string) (token string, scopes []account.Scope, p *schemas.Problem) {
	id, err := account.ParseKeyID(secret)
	if err != nil {
		return "", nil, unauthenticated("%v; a key is given once, by parley keys create", err)
	}
	k, p := a.held(id, secret)
	if p != nil {
		return "", nil, p
	}
	return a.tokens.Make(k.ID, a.now().Add(accessTokenLifetime)), k.Scopes, nil
}

// errTokenExpired is of an access token that was good.
var errTokenExpired = unauthenticated("%v; fetch another", account.ErrAccessTokenExpired)

// key is the one that a text is, or that it stands for.
func (a KeyAccess) key(text string) (*account.Key, *schemas.Problem) {
	if id, err := account.ParseKeyID(text); err == nil {
		return a.held(id, text)
	}
	id, err := a.tokens.Read(text, a.now())
	switch {
	case errors.Is(err, account.ErrAccessTokenExpired):
		return nil, errTokenExpired
	case err != nil:
		return nil, unauthenticated("%v; a key is given once, by parley keys create", account.ErrKeyForm)
	}
	return a.good(a.keys.Key(id))
}

// held is the key with an id, if a text is that key.
func (a KeyAccess) held(id, text string) (*account.Key, *schemas.Problem) {
	// How long it takes to say no may tell that there is a key with this id. An id is no secret.
	k := a.keys.Key(id)
	if k != nil && !k.Holds(text) {
		k = nil
	}
	return a.good(k)
}

// good is a key that is known and has not ended.
func (a KeyAccess) good(k *account.Key) (*account.Key, *schemas.Problem) {
	if k == nil {
		return nil, unauthenticated("this API key is not known here")
	}
	if ended := k.Ended(a.now()); ended != "" {
		return nil, unauthenticated("the API key %s %s; parley keys create makes another", k.ID, ended)
	}
	return k, nil
}

// bearer is the token in the header Authorization (RFC 6750, section 2.1), the name of whose scheme has no case
// (RFC 9110, section 11.1).
func bearer(h http.Header) (string, *schemas.Problem) {
	given := h[echo.HeaderAuthorization]
	if len(given) == 1 {
		scheme, token, _ := strings.Cut(given[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.Trim(token, " "), nil
		}
	}
	return "", unauthenticated("this needs an API key: one header Authorization: Bearer KEY")
}

func unauthenticated(format string, args ...any) *schemas.Problem {
	return &schemas.Problem{Code: schemas.Unauthenticated, Detail: fmt.Sprintf(format, args...)}
}
