package node

import (
	"log/slog"
	"time"

	"parley/ingest"
	"parley/internal/account"
)

// authenticator says who makes a request. What an operator should know of it is logged.
func (n *node) authenticator() (ingest.Authenticator, error) {
	if n.cfg.Auth == AuthNone {
		if !loopback(n.cfg.HTTPAddr) {
			n.log.Warn("whoever reaches this node may act on every account; PARLEY_AUTH=keys asks for API keys", slog.String("address", n.http.Addr().String()))
		}
		return ingest.OpenAccess{}, nil
	}
	if len(n.control.Keys()) == 0 {
		n.log.Warn("there is no API key yet, and nobody is answered without one; parley keys create ACCOUNT makes one")
	}
	if !loopback(n.cfg.HTTPAddr) && !n.cfg.secure() {
		n.log.Warn("API keys are sent in clear to this address; set PARLEY_TLS_CERT and PARLEY_TLS_KEY, unless a proxy in front of it speaks TLS", slog.String("address", n.http.Addr().String()))
	}
	tokens, err := account.NewAccessTokens(n.secret)
	if err != nil {
		return nil, err
	}
	return ingest.NewKeyAccess(n.control, tokens, time.Now), nil
}

// accountLimits are within what the calls of an account are taken.
func (n *node) accountLimits(of string) account.Limits {
	return n.control.Terms(of).Over(n.cfg.Accounts)
}
