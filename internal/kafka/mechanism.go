package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// mechanism authenticates each connection with what is known then; nil: connections are not authenticated.
func (s SASL) mechanism() sasl.Mechanism {
	password := func(context.Context) (scram.Auth, error) {
		p, err := s.Password.Read()
		return scram.Auth{User: s.User, Pass: p}, err
	}
	switch s.Mechanism {
	case Plain:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			p, err := s.Password.Read()
			return plain.Auth{User: s.User, Pass: p}, err
		})
	case ScramSHA256:
		return scram.Sha256(password)
	case ScramSHA512:
		return scram.Sha512(password)
	case OAuthBearer:
		return newBearer(s.OAuth)
	}
	return nil
}

// bearer is OAUTHBEARER (RFC 7628) with tokens that are shared by all connections.
type bearer struct {
	sasl.Mechanism

	tokens *tokens
}

func newBearer(cfg OAuth) *bearer {
	t := newTokens(cfg)
	return &bearer{tokens: t, Mechanism: oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		token, err := t.token(ctx)
		return oauth.Auth{Token: token}, err
	})}
}

// Authenticate begins to authenticate a connection.
func (b *bearer) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, first, err := b.Mechanism.Authenticate(ctx, host)
	return &bearerSession{Session: session, tokens: b.tokens}, first, err
}

// bearerSession understands why a token is refused.
type bearerSession struct {
	sasl.Session

	tokens *tokens
}

// Challenge takes what the broker says: nothing if it takes the token, else why it does not, as JSON (RFC 7628, section 3.2.2).
func (s *bearerSession) Challenge(said []byte) (bool, []byte, error) {
	if len(said) > 0 {
		s.tokens.refused()
		return false, nil, &TokenRefusedError{Said: excerpt(said)}
	}
	return s.Session.Challenge(said)
}
