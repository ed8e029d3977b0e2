package ingest

import (
	"net/http"

	"parley/schemas"
)

// Authenticator says on whose account a request acts.
type Authenticator interface {
	// Account returns a valid account, or why there is none.
	Account(r *http.Request) (string, *schemas.Problem)
}

// OpenAccess believes whoever asks: the account is the Parley-Account header, or "default".
type OpenAccess struct{}

const (
	accountHeader  = "Parley-Account"
	defaultAccount = "default"
)

// Account implements Authenticator.
func (OpenAccess) Account(r *http.Request) (string, *schemas.Problem) {
	switch given := r.Header.Values(accountHeader); {
	case len(given) == 0:
		return defaultAccount, nil
	case len(given) == 1 && schemas.ValidAccount(given[0]):
		return given[0], nil
	}
	return "", &schemas.Problem{
		Code:   schemas.InvalidParameter,
		Detail: "the header " + accountHeader + " names one account: 1 to 64 of A-Z a-z 0-9 . _ -",
	}
}
