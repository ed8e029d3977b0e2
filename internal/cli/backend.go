package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"parley/internal/backend"
	"parley/internal/certs"
)

// backendCmd is the demo backend in a process of its own.
type backendCmd struct {
	logFlags

	Addr        string        `default:"127.0.0.1:9090" env:"PARLEY_BACKEND_ADDR" placeholder:"HOST:PORT" help:"Where it listens."`
	Journal     string        `env:"PARLEY_BACKEND_JOURNAL" placeholder:"FILE" help:"Append what is executed to this file before answering, and begin with what is in it."`
	AnswerTo    string        `placeholder:"URL" help:"Answer deferred calls to this node, as http://127.0.0.1:8080."`
	TLSCA       string        `name:"tls-ca" env:"PARLEY_TLS_CA" placeholder:"FILE" help:"Authorities by which that node is verified, when its URL is https (PEM). Default: those of the system."`
	Latency     time.Duration `placeholder:"DURATION" help:"Wait so long before each call, as 20ms."`
	FailureRate float64       `placeholder:"FRACTION" help:"Answer this fraction of attempts, from 0 to 1, with 503."`
	Seed        uint64        `placeholder:"NUMBER" help:"Which attempts fail follows from it."`
}

// Help is shown by --help.
func (*backendCmd) Help() string {
	return `The demo backend takes calls as the http executor sends them (POST /calls), and keeps the objects by type and key: Create, Update, Delete, Perform. "parley serve" runs one by itself; this is for trials with one that is slow, fails, or is restarted.

  parley backend --latency 20ms --failure-rate 0.05 --journal executed.jsonl

GET /objects and GET /executions show what it has and what it did. The property _backend of an object tells it how to treat that call: {"delayMs": 20}, {"lingerMs": 20}, {"status": 503}, {"error": "SomeCode", "message": "why"}, {"failTimes": 2, "retryAfter": 1}, {"defer": "late", "answerAfterMs": 500} (or "early", "twice", "never"; see --answer-to).`
}

// Run serves until it is told to stop.
func (c *backendCmd) Run(ctx context.Context, std streams) (err error) {
	log := c.logger(std.err)
	trust, err := certs.Trust(c.TLSCA)
	if err != nil {
		return fmt.Errorf("--tls-ca: %w", err)
	}
	b, err := backend.New(backend.Config{
		Latency: c.Latency, FailureRate: c.FailureRate, Seed: c.Seed, AnswerTo: c.AnswerTo, Trust: trust, Journal: c.Journal, Log: log,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	l, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("%w; choose another address with --addr", err)
	}
	fmt.Fprintf(std.err, "demo backend at http://%s\n", l.Addr())
	return b.Serve(ctx, l)
}
