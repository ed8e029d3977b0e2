package ingest

import (
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

// KeyAccess believes who shows an API key: they are of its account, and may do what its scopes allow.
type KeyAccess struct {
	keys Keys
	now  func() time.Time
}

// NewKeyAccess returns an Authenticator by the keys that there are.
func NewKeyAccess(keys Keys, now func() time.Time) KeyAccess { return KeyAccess{keys: keys, now: now} }

// challenge asks for a key (RFC 6750, section 3).
const challenge = `Bearer realm="parley"`

// Caller implements Authenticator. The account is that of the key: a header Parley-Account may name it, and no other.
func (a KeyAccess) Caller(r *http.Request) (account.Caller, *schemas.Problem) {
	text, p := bearer(r.Header)
	if p != nil {
		return account.Caller{}, p
	}
	id, err := account.ParseKeyID(text)
	if err != nil {
		return account.Caller{}, unauthenticated("%v; a key is given once, by parley keys create", err)
	}
	// How long it takes to say no may tell that there is a key with this id. An id is no secret.
	k := a.keys.Key(id)
	if k == nil || !k.Holds(text) {
		return account.Caller{}, unauthenticated("this API key is not known here")
	}
	if ended := k.Ended(a.now()); ended != "" {
		return account.Caller{}, unauthenticated("the API key %s %s; parley keys create makes another", k.ID, ended)
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
