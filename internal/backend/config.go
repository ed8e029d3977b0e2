package backend

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"
)

// Config says how the backend behaves for all calls. The zero value is quick, never fails, and keeps nothing
// beyond its process.
type Config struct {
	// Latency is waited before a call is executed.
	Latency time.Duration

	// FailureRate is the fraction of attempts, from 0 to 1, that are answered 503 and not executed. Which
	// ones follows from Seed, the Idempotency-Key and the attempt, so that it is the same in every run.
	FailureRate float64
	Seed        uint64

	// AnswerTo is the URL of the node that deferred calls are answered to, as http://127.0.0.1:8080. Empty: calls that
	// ask for a late answer are refused.
	AnswerTo string
	// Trust verifies that node when it is reached by TLS. Nil: the authorities of the system do.
	Trust *tls.Config

	// Journal is a file to which each call that is executed is appended before it is answered, and from which
	// the backend starts. Empty: none.
	Journal string

	// RepeatBytesMax bounds the remembered outcomes; the oldest are forgotten first. Zero: 64 MiB.
	RepeatBytesMax int

	// ExecutionsMax bounds the log that GET /executions reads; the oldest are forgotten first. Zero: 100,000.
	ExecutionsMax int

	// Log receives what an operator should know. Nil: nothing is logged.
	Log *slog.Logger
}

// Limits that nobody needs to change.
const (
	requestBytesMax = 64 << 20 // as for POST /v1/calls
	delayMax        = time.Minute
	pageDefault     = 100
	pageMax         = 10_000
)

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if c.Latency < 0 || c.Latency > delayMax {
		errs = append(errs, fmt.Errorf("latency %s is not between 0 and %s", c.Latency, delayMax))
	}
	if !(c.FailureRate >= 0 && c.FailureRate <= 1) { // so that NaN is refused
		errs = append(errs, fmt.Errorf("failure rate %v is not between 0 and 1", c.FailureRate))
	}
	if u, err := url.Parse(c.AnswerTo); c.AnswerTo != "" && (err != nil || u.Hostname() == "") {
		errs = append(errs, fmt.Errorf("%q, where answers go, is not a URL as http://127.0.0.1:8080", c.AnswerTo))
	}
	if c.RepeatBytesMax < 0 || c.ExecutionsMax < 0 {
		errs = append(errs, errors.New("a limit is negative"))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.RepeatBytesMax == 0 {
		c.RepeatBytesMax = 64 << 20
	}
	if c.ExecutionsMax == 0 {
		c.ExecutionsMax = 100_000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
