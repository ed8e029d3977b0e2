package httppost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"parley/internal/account"
	"parley/internal/egress"
	"parley/internal/telemetry"
	"parley/internal/webhook"
	"parley/processor/notify"
	"parley/schemas"
)

// Accounts knows what is agreed on about the callbacks of accounts.
type Accounts interface {
	// CallbackSecrets are those that sign the callbacks of an account, of which there is one at least.
	CallbackSecrets(ctx context.Context, of string) (account.CallbackSecrets, error)
	// DisabledTarget is what is said of an address that wants no callbacks of an account; nil: it takes them.
	DisabledTarget(of, address string) *account.DisabledTarget
	// DisableTarget says that.
	DisableTarget(ctx context.Context, d account.DisabledTarget) error
}

// Config is what a Sender is made of.
type Config struct {
	// Accounts is required.
	Accounts Accounts
	// Egress says how receivers are reached, and which; the zero value reaches what is public.
	Egress egress.TransportConfig
	// UserAgent names the program to receivers. Empty: parley.
	UserAgent string
}

// Sender makes one attempt after another. It is safe for concurrent use.
type Sender struct {
	accounts  Accounts
	guard     egress.Guard
	transport *egress.Transport
	userAgent string
}

// New returns a sender. Close drops what it keeps.
func New(cfg Config) *Sender {
	if cfg.UserAgent == "" {
		cfg.UserAgent = "parley"
	}
	return &Sender{accounts: cfg.Accounts, guard: cfg.Egress.Guard, transport: egress.NewTransport(cfg.Egress), userAgent: cfg.UserAgent}
}

// Close drops the idle connections. It may be called more than once.
func (s *Sender) Close() { s.transport.Close() }

// Send makes one attempt. It is a notify.Sender.
func (s *Sender) Send(ctx context.Context, n *notify.Notification) notify.Verdict {
	address := n.Target.ResponseAddress
	if d := s.accounts.DisabledTarget(n.Account, address); d != nil {
		return refused(schemas.TargetDisabled, "it has answered 410 Gone at %s: parley webhooks enable has it called again", d.Since.UTC().Format(time.RFC3339))
	}
	if err := s.guard.CheckURL(address); err != nil {
		return refused(schemas.TargetForbidden, "%v", err)
	}
	r, err := s.request(ctx, n)
	if err != nil {
		return again(schemas.QueueUnavailable, "not signed: %v", err)
	}
	response, err := s.transport.RoundTrip(r)
	if err != nil {
		return unanswered(ctx, err)
	}
	defer response.Body.Close()
	// What follows the status tells nothing. A little of it is read, so that the connection can be used again; how that
	// ends changes nothing.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, answerBytesMax))
	return s.answered(ctx, n, response)
}

// answerBytesMax bounds what is read of an answer; with one that is longer the connection ends.
const answerBytesMax = 16 << 10

func (s *Sender) request(ctx context.Context, n *notify.Notification) (*http.Request, error) {
	secrets, err := s.accounts.CallbackSecrets(ctx, n.Account)
	if err != nil {
		return nil, err
	}
	body, contentType := n.Body, schemas.ContentJSON
	if n.Soap {
		body, contentType = form(n), schemas.ContentForm
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.Target.ResponseAddress, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	now := time.Now()
	webhook.Sign(r.Header, n.ID, now, body, secrets.Signing(now)...)
	r.Header["Content-Type"] = []string{contentType}
	r.Header["User-Agent"] = []string{s.userAgent}
	telemetry.Trace{Traceparent: n.Traceparent}.SetHeader(r.Header)
	return r, nil
}

// unanswered is of an attempt that no answer came to.
func unanswered(ctx context.Context, err error) notify.Verdict {
	if refusal, ok := errors.AsType[*egress.RefusedError](err); ok {
		return again(schemas.TargetForbidden, "%v", refusal)
	}
	if ctx.Err() != nil {
		return again(schemas.TargetUnanswered, "no answer in time")
	}
	return again(schemas.TargetUnanswered, "no answer: %v", innermost(err))
}

// innermost leaves out what is around an error: the method and the address, which may hold a secret.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// answered is of an attempt that an answer came to.
func (s *Sender) answered(ctx context.Context, n *notify.Notification, response *http.Response) notify.Verdict {
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		return notify.Verdict{Kind: notify.Taken}
	case status == http.StatusGone:
		return s.gone(ctx, n)
	default:
		v := again(schemas.TargetNotTaking, "the receiver has answered %d %s", status, http.StatusText(status))
		v.RetryAfter = retryAfter(response.Header, time.Now())
		return v
	}
}

// gone disables the target of a notification. When that cannot be written it is tried again: the receiver will say the
// same.
func (s *Sender) gone(ctx context.Context, n *notify.Notification) notify.Verdict {
	d := account.DisabledTarget{Account: n.Account, Address: n.Target.ResponseAddress, Since: time.Now().UTC()}
	if err := s.accounts.DisableTarget(ctx, d); err != nil {
		return again(schemas.QueueUnavailable, "it has answered 410 Gone, which could not be kept: %v", err)
	}
	return refused(schemas.TargetGone, "it has answered 410 Gone: parley webhooks enable has it called again")
}
