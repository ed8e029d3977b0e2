package email

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"parley/internal/mail"
	"parley/processor/notify"
	"parley/schemas"
)

// Config is what a Sender is made of.
type Config struct {
	// Server takes the messages. Required.
	Server mail.Server
	// Client is how it is reached.
	Client mail.Client
	// From is the sender, an address in which AccountMark stands for the account that is told. Required.
	From string
	// Rate bounds the messages to the targets of one account a second, in one process; a Burst may come at once. 0: none
	// is sent.
	Rate  float64
	Burst int
}

// AccountMark stands for the account in the sender's address, or in the name before it.
const AccountMark = "{account}"

// accountsMax bounds the accounts whose messages are counted. Who is forgotten begins anew.
const accountsMax = 10_000

// Sender makes one attempt after another. It is safe for concurrent use.
type Sender struct {
	cfg    Config
	limits *lru.Cache[string, *rate.Limiter]
}

// New returns a sender. The error says what is wrong with cfg.
func New(cfg Config) (*Sender, error) {
	if _, err := from(cfg.From, "a"); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	limits, err := lru.New[string, *rate.Limiter](accountsMax)
	if err != nil {
		return nil, fmt.Errorf("make limits: %w", err)
	}
	return &Sender{cfg: cfg, limits: limits}, nil
}

// from is the sender's address for an account.
func from(pattern, account string) (mail.Address, error) {
	return mail.ParseAddress(strings.ReplaceAll(pattern, AccountMark, account))
}

// Send makes one attempt. It is a notify.Sender.
func (s *Sender) Send(ctx context.Context, n *notify.Notification) notify.Verdict {
	m, err := s.message(n)
	if err != nil {
		return notify.Verdict{Kind: notify.Refused, Code: schemas.TargetForbidden, Message: err.Error()}
	}
	if wait := s.wait(n.Account); wait > 0 {
		return notify.Verdict{Kind: notify.Later, RetryAfter: wait, Code: schemas.RateLimited, Message: "the account has had its messages for now"}
	}
	return verdict(s.cfg.Client.Send(ctx, s.cfg.Server, m))
}

// wait is for how long an account may have no message; zero: it may have this one.
func (s *Sender) wait(account string) time.Duration {
	if s.cfg.Rate <= 0 {
		return time.Hour
	}
	l := s.limit(account)
	if l.Allow() {
		return 0
	}
	return time.Duration((1 - l.Tokens()) / s.cfg.Rate * float64(time.Second))
}

// limit counts the messages of an account.
func (s *Sender) limit(account string) *rate.Limiter {
	fresh := rate.NewLimiter(rate.Limit(s.cfg.Rate), s.cfg.Burst)
	if known, ok, _ := s.limits.PeekOrAdd(account, fresh); ok {
		return known
	}
	return fresh
}

func (s *Sender) message(n *notify.Notification) (*mail.Message, error) {
	to, err := mail.ParseAddress(n.Target.GetResponseAddress())
	if err != nil {
		return nil, err
	}
	sender, err := from(s.cfg.From, n.Account)
	if err != nil {
		return nil, fmt.Errorf("the sender for account %s: %w", n.Account, err)
	}
	m := &mail.Message{
		From: sender, To: to, Subject: subject(n),
		ID: n.ID + "@" + sender.Domain(), Date: n.Timestamp, Automatic: true,
	}
	if m.Text, m.HTML, err = letter(n); err != nil {
		return nil, err
	}
	if n.Target.GetIncludeResults() {
		m.Attachments, err = attachments(n)
	}
	return m, err
}

// verdict says what an attempt to send has come to.
func verdict(err error) notify.Verdict {
	if err == nil {
		return notify.Verdict{Kind: notify.Taken}
	}
	v := notify.Verdict{Kind: notify.Again, Code: schemas.TargetUnanswered, Message: err.Error()}
	e, ok := errors.AsType[*mail.SendError](err)
	switch {
	case ok && e.Permanent:
		v.Kind, v.Code = notify.Refused, schemas.TargetRefused
	case ok && e.Code != 0:
		v.Code = schemas.TargetNotTaking
	}
	return v
}
