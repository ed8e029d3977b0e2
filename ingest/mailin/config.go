package mailin

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/schemas"
)

// Config is what a Receiver is made of. Fields without a default are required.
type Config struct {
	// Answer brings an answer to the owner of the call that a token names. Its error is a *schemas.Problem, or a fault of ours.
	Answer func(ctx context.Context, token string, said *schemas.Answer) (schemas.RequestID, error)
	// To is whose mail is taken; any other is refused.
	To Recipient
	// TLS is what STARTTLS is offered with. Nil: it is not.
	TLS *tls.Config
	// MessageBytesMax bounds a message with all that is attached. Default: 20 MiB. Its first 256 KiB alone are looked at, and held.
	MessageBytesMax int64
	// ConnectionsMax bounds the connections that are open. Default: 64.
	ConnectionsMax int
	// CommandTimeout bounds the wait for a command, or for a whole message. Default: 1 minute.
	CommandTimeout time.Duration
	// ConnectionTimeMax is how long one connection may be open. Default: 5 minutes.
	ConnectionTimeMax time.Duration
	// ShutdownTimeout is how long messages that are being answered are waited for at the end. Default: 3 s.
	ShutdownTimeout time.Duration
	// Log receives what operators should know. Default: slog.Default.
	Log *slog.Logger
	// Metrics receives the metrics parley_mail_*; nil: none are kept.
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	c.MessageBytesMax = cmp.Or(c.MessageBytesMax, 20<<20)
	c.ConnectionsMax = cmp.Or(c.ConnectionsMax, 64)
	c.CommandTimeout = cmp.Or(c.CommandTimeout, time.Minute)
	c.ConnectionTimeMax = cmp.Or(c.ConnectionTimeMax, 5*time.Minute)
	c.ShutdownTimeout = cmp.Or(c.ShutdownTimeout, 3*time.Second)
	c.Log = cmp.Or(c.Log, slog.Default())
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	require(c.Answer != nil, "answer: required")
	require(c.To != Recipient{}, "to: required")
	require(c.MessageBytesMax > 0, "message bytes: positive, not %d", c.MessageBytesMax)
	require(c.ConnectionsMax > 0, "connections: positive, not %d", c.ConnectionsMax)
	require(c.CommandTimeout > 0 && c.ConnectionTimeMax > 0 && c.ShutdownTimeout > 0, "times: positive")
	return errors.Join(errs...)
}
