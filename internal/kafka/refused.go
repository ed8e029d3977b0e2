package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/secret"
)

// RefusedError says that Kafka is there and does not let us in.
type RefusedError struct {
	// Broker is who refuses, as host:port.
	Broker string
	// Remedy says what to do.
	Remedy string

	what  string
	lasts lasts
	err   error
}

// lasts says whether a refusal can end without anybody changing our settings.
type lasts int

const (
	// certain: it cannot.
	certain lasts = iota
	// doubted: a broker that goes down may look the same.
	doubted
	// passing: what is missing may come, as a user that is made when Parley starts.
	passing
)

// Error says everything in one line.
func (e *RefusedError) Error() string { return e.Found() + "; " + e.Remedy }

// Found is the error without the remedy.
func (e *RefusedError) Found() string {
	return fmt.Sprintf("Kafka at %s %s: %s", e.Broker, e.what, e.err)
}

// Unwrap is what the broker, or the connection to it, said.
func (e *RefusedError) Unwrap() error { return e.err }

// explain says what it means that a connection to a broker has failed; nil: that it cannot be reached, or went away.
func (c *Cluster) explain(broker string, err error) *RefusedError {
	refused := func(what, remedy string) *RefusedError {
		return &RefusedError{Broker: broker, what: what, Remedy: remedy, err: err}
	}
	if e := c.explainSASL(err, refused); e != nil {
		e.lasts = c.lasts(err)
		return e
	}
	if e := explainTLS(err, refused); e != nil {
		return e
	}
	if e := c.explainEnd(err, refused); e != nil {
		e.lasts = doubted
		return e
	}
	return nil
}

// explainEnd says what it may mean that a connection ended without a word.
func (c *Cluster) explainEnd(err error, refused func(what, remedy string) *RefusedError) *RefusedError {
	switch first, early := errors.AsType[*kgo.ErrFirstReadEOF](err); {
	case early && c.certs != nil:
		return refused("closed the connection where TLS begins", "name a listener that speaks TLS with PARLEY_KAFKA_BROKERS, or unset PARLEY_KAFKA_TLS, PARLEY_KAFKA_CA and PARLEY_KAFKA_CERT")
	case early && !strings.Contains(first.Error(), "dial"):
		return refused("closed the connection at the first request", "its listener may want TLS (PARLEY_KAFKA_TLS) or credentials (PARLEY_KAFKA_SASL)")
	case c.mechanism != nil && errors.Is(err, io.EOF): // brokers that are not Apache's give no reason
		return refused("closed the connection while "+c.cfg.SASL.who()+" was authenticated", c.credentials())
	}
	return nil
}

func (c *Cluster) explainSASL(err error, refused func(what, remedy string) *RefusedError) *RefusedError {
	if c.mechanism == nil {
		return nil
	}
	user := c.cfg.SASL.who()
	if _, ok := errors.AsType[*secret.FileError](err); ok {
		return refused("waits for the password of "+user, "put the password into the file, and let this user of the system read it")
	}
	if _, ok := errors.AsType[*TokenError](err); ok {
		return refused("waits for a token of "+user, "check PARLEY_KAFKA_OAUTH_TOKEN_URL, PARLEY_KAFKA_OAUTH_CLIENT_ID and its secret")
	}
	if _, ok := errors.AsType[*TokenRefusedError](err); ok {
		return refused("refused "+user, "check what its listener expects of a token: issuer, audience, scope (PARLEY_KAFKA_OAUTH_SCOPE), keys")
	}
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return refused("refused "+user, c.credentials())
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return refused("does not know "+c.mechanism.Name(), "set PARLEY_KAFKA_SASL to one of its sasl.enabled.mechanisms")
	case errors.Is(err, kerr.IllegalSaslState):
		return refused("wants no credentials", "name a listener with SASL with PARLEY_KAFKA_BROKERS, or unset PARLEY_KAFKA_SASL")
	}
	return nil
}

// lasts says whether a refusal to authenticate us may end by itself. A token server may be away, and brokers learn of a
// SCRAM user some time after it was made, and until then answer as if its password were wrong.
func (c *Cluster) lasts(err error) lasts {
	if token, ok := errors.AsType[*TokenError](err); ok && !token.Refused {
		return passing
	}
	scram := c.cfg.SASL.Mechanism == ScramSHA256 || c.cfg.SASL.Mechanism == ScramSHA512
	if scram && errors.Is(err, kerr.SaslAuthenticationFailed) {
		return passing
	}
	return certain
}

func explainTLS(err error, refused func(what, remedy string) *RefusedError) *RefusedError {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return refused("has a certificate that is not believed", "PARLEY_KAFKA_CA names the authorities of its certificate, which must hold for the name in PARLEY_KAFKA_BROKERS and advertised.listeners")
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return refused("does not speak TLS", "name a listener that does with PARLEY_KAFKA_BROKERS, or unset PARLEY_KAFKA_TLS, PARLEY_KAFKA_CA and PARLEY_KAFKA_CERT")
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" { // crypto/tls: an alert of the other side
		return refused("does not take our certificate, or our TLS", "PARLEY_KAFKA_CERT and PARLEY_KAFKA_KEY give one that its listener trusts (ssl.client.auth, ssl.truststore)")
	}
	if strings.Contains(err.Error(), "tls alert") { // kgo has no type for it
		return refused("speaks TLS", "set PARLEY_KAFKA_TLS, and PARLEY_KAFKA_CA unless the system knows its authority")
	}
	return nil
}

// credentials says what to check.
func (c *Cluster) credentials() string {
	if c.cfg.SASL.Mechanism == OAuthBearer {
		return "check what its listener expects of a token: issuer, audience, scope (PARLEY_KAFKA_OAUTH_SCOPE), keys"
	}
	if c.cfg.SASL.Password.File != "" {
		return "check PARLEY_KAFKA_USER, the password in " + c.cfg.SASL.Password.File + ", and PARLEY_KAFKA_SASL"
	}
	return "check PARLEY_KAFKA_USER, PARLEY_KAFKA_PASSWORD and PARLEY_KAFKA_SASL"
}
