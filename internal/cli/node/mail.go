package node

import (
	"errors"
	"fmt"
	"log/slog"
	"math"

	"parley/internal/certs"
	"parley/internal/mail"
	"parley/processor/notify/email"
)

// MailConfig is how callers are told by mail: the ResponseType email of sendResponseTo.
type MailConfig struct {
	// URL is the mail server, see mail.ParseServer. Empty: nobody is told by mail.
	URL string
	// CA names a file with the authorities by which mail servers are verified, those of routes, too. Empty: those of the system.
	CA string
	// From is the sender, see email.Config.
	From string
	// Rate is how many messages the targets of an account get a second, from this node.
	Rate float64
}

// check names the settings that are wrong.
func (c MailConfig) check() error {
	if _, err := c.client(slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if c.URL == "" {
		if c.From != "" {
			return errors.New("PARLEY_SMTP_FROM is set, but PARLEY_SMTP_URL is empty; name the mail server, or leave both out")
		}
		return nil
	}
	_, err := c.sender(mail.Client{})
	return err
}

// client reaches mail servers.
func (c MailConfig) client(log *slog.Logger) (mail.Client, error) {
	trust, err := certs.LoadClient(certs.ClientFiles{CA: c.CA}, log)
	if err != nil {
		return mail.Client{}, fmt.Errorf("PARLEY_SMTP_CA: %w", err)
	}
	return mail.Client{TLS: trust.Config}, nil
}

// mailRateMax is more than anybody has use for.
const mailRateMax = 1_000_000

func (c MailConfig) sender(by mail.Client) (*email.Sender, error) {
	server, err := mail.ParseServer(c.URL)
	if err != nil {
		return nil, fmt.Errorf("PARLEY_SMTP_URL: %w", err)
	}
	if !(c.Rate > 0 && c.Rate <= mailRateMax) { // nor is it no number
		return nil, fmt.Errorf("PARLEY_SMTP_RATE is %v; it is more than 0, and %d at most", c.Rate, mailRateMax)
	}
	s, err := email.New(email.Config{Server: server, Client: by, From: c.From, Rate: c.Rate, Burst: int(math.Ceil(c.Rate * burstSeconds))})
	if err != nil {
		return nil, fmt.Errorf("PARLEY_SMTP_FROM: %w", err)
	}
	return s, nil
}

// burstSeconds is for how many seconds an account may have its messages at once.
const burstSeconds = 10

// LogValue is the configuration without the password.
func (c MailConfig) LogValue() slog.Value {
	server, err := mail.ParseServer(c.URL)
	if err != nil {
		return slog.GroupValue()
	}
	return slog.GroupValue(slog.String("server", server.Address), slog.String("from", c.From), slog.Float64("rate", c.Rate))
}
