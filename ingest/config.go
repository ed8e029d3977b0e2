package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"parley/ingest/exacttarget"
	"parley/internal/account"
	"parley/internal/egress"
	"parley/internal/route"
	"parley/internal/token"
	"parley/schemas"
)

// Config is what a Server is made of. Fields without a default are required.
type Config struct {
	// Client writes to Topics.Calls. It is made with ProducerOptions; whoever made it closes it, after Serve has
	// returned.
	Client *kgo.Client
	Topics schemas.Topics
	// Partitions is how many Topics.Calls has: the identity of calls depends on it.
	Partitions int32
	// Secret signs receipts. At least 16 bytes, the same for all processes.
	Secret []byte
	Routes *route.Current
	Auth   Authenticator
	// AccountLimits are within what the calls of an account are taken. Nil: there are none.
	AccountLimits func(account string) account.Limits
	// Tokens verifies the tokens of deferred calls.
	Tokens *token.Signer
	Live   Live
	Record Record
	// Extracts writes the results of an account as files.
	Extracts Extracts
	Eraser   Eraser
	// Subscribers keeps the queues of subscribers.
	Subscribers Subscribers
	// Maintenances knows and changes which routes are in maintenance.
	Maintenances Maintenances
	// Callbacks knows and changes what signs callbacks, and which targets get none.
	Callbacks Callbacks
	// Egress says where callbacks may go, as it does to who sends them. Zero: where it is public.
	Egress egress.Guard
	Log    *slog.Logger
	// Metrics is where the server's metrics are registered, and what /metrics shows.
	Metrics *prometheus.Registry

	// Tracer begins the spans of requests. Nil: none are made; the traces that requests belong to are carried on all the
	// same.
	Tracer trace.Tracer
	// Peers answers the questions of other nodes, below peer.Path. Nil: there is nothing that they could ask for.
	Peers http.Handler
	// RouteWatch knows how the routes do in this process. Nil: nothing is shown of it.
	RouteWatch RouteWatch
	// Ready asks after the things that /readyz reports. Nil: there are none.
	Ready ReadyFunc
	// Version is of the program, as callers are told who ask for it.
	Version exacttarget.Version
	// Limits bound one call. Zero: schemas.DefaultLimits.
	Limits schemas.Limits
	// RequestLimits bound what is taken at a time. Zero fields: as in DefaultRequestLimits.
	RequestLimits
	// ShutdownTimeout bounds how long Serve waits for open requests once it is told to stop. Zero: 10 s.
	ShutdownTimeout time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

const secretBytesMin = 16

// validate returns everything that is wrong with c.
func (c *Config) validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(c.Client != nil, "no client")
	need(c.Topics.Calls != "", "no topic for calls")
	need(c.Partitions >= 1 && c.Partitions <= schemas.PartitionsMax, "partitions: from 1 to %d, not %d", schemas.PartitionsMax, c.Partitions)
	need(len(c.Secret) >= secretBytesMin, "secret: at least %d bytes, this has %d", secretBytesMin, len(c.Secret))
	need(c.Routes != nil, "no routes")
	need(c.Auth != nil, "no authenticator")
	need(c.Tokens != nil, "no tokens")
	need(c.Live != nil && c.Record != nil, "no live source or no record source")
	need(c.Extracts != nil, "nobody who writes extracts")
	need(c.Eraser != nil, "no eraser")
	need(c.Subscribers != nil, "nobody who keeps queues")
	need(c.Maintenances != nil, "no maintenances")
	need(c.Callbacks != nil, "no callbacks")
	need(c.Log != nil, "no log")
	need(c.Metrics != nil, "no metrics registry")
	need(c.ShutdownTimeout > 0, "the shutdown timeout is negative")
	requests := c.RequestLimits
	return errors.Join(append(errs, c.Limits.Check(), requests.Check(c.Limits))...)
}

// withDefaults returns c with the zero fields that have a default set to it.
func (c Config) withDefaults() Config {
	if c.Limits == (schemas.Limits{}) {
		c.Limits = schemas.DefaultLimits()
	}
	if c.AccountLimits == nil {
		c.AccountLimits = func(string) account.Limits { return account.Limits{} }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) []Dependency { return nil }
	}
	c.RequestLimits = c.RequestLimits.withDefaults()
	orDefault(&c.ShutdownTimeout, 10*time.Second)
	return c
}

func orDefault[T comparable](field *T, byDefault T) {
	var zero T
	if *field == zero {
		*field = byDefault
	}
}
