package ingest

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

// Authenticator says who makes a request.
type Authenticator interface {
	// Caller returns a caller with a valid account, or why there is none.
	Caller(r *http.Request) (account.Caller, *schemas.Problem)
	// Grant returns an access token for who shows a secret, which Caller takes in place of that for accessTokenLifetime, and what it
	// allows; or why there is none.
	Grant(secret string) (token string, scopes []account.Scope, p *schemas.Problem)
}

// caller is who makes a request that needs a scope.
func (s *Server) caller(c echo.Context, needed account.Scope) (account.Caller, *schemas.Problem) {
	who, p := s.auth.Caller(c.Request())
	if p == nil && !who.May(needed) {
		p = &schemas.Problem{Code: schemas.Forbidden, Detail: fmt.Sprintf("this needs a key with the scope %s; this one has %v", needed, who.Scopes)}
	}
	return who, p
}

// OpenAccess believes whoever asks, and lets them do everything: the account is the Parley-Account header, or "default".
type OpenAccess struct{}

const (
	accountHeader  = "Parley-Account"
	defaultAccount = "default"
)

// Caller implements Authenticator.
func (OpenAccess) Caller(r *http.Request) (account.Caller, *schemas.Problem) {
	who := account.Caller{Account: defaultAccount, Scopes: account.Scopes()}
	switch given := r.Header.Values(accountHeader); {
	case len(given) == 0:
		return who, nil
	case len(given) == 1 && schemas.ValidAccount(given[0]):
		who.Account = given[0]
		return who, nil
	}
	return account.Caller{}, &schemas.Problem{
		Code:   schemas.InvalidParameter,
		Detail: "the header " + accountHeader + " names one account: 1 to 64 of A-Z a-z 0-9 . _ -",
	}
}

// openToken is good for everybody, as is all else.
const openToken = "open"

// Grant implements Authenticator.
func (OpenAccess) Grant(string) (token string, scopes []account.Scope, p *schemas.Problem) {
	return openToken, account.Scopes(), nil
}
