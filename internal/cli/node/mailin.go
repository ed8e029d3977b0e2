package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"parley/ingest"
	"parley/ingest/mailin"
)

// MailInConfig is how calls are answered by mail, on a node with the role ingest.
type MailInConfig struct {
	// Addr is where mail is taken. Empty: nowhere.
	Addr string
	// To is whose mail is taken, see mailin.ParseRecipient.
	To string
}

// check names the settings that are wrong.
func (c MailInConfig) check() error {
	if c.Addr == "" {
		if c.To != "" {
			return errors.New("PARLEY_MAIL_TO is set, but PARLEY_MAIL_ADDR is empty; say where mail is taken, or leave both out")
		}
		return nil
	}
	var errs []error
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		errs = append(errs, fmt.Errorf("PARLEY_MAIL_ADDR is %q; give host:port", c.Addr))
	}
	if _, err := mailin.ParseRecipient(c.To); err != nil {
		errs = append(errs, fmt.Errorf("PARLEY_MAIL_TO: %w", err))
	}
	return errors.Join(errs...)
}

// openMail takes the address for mail.
func (n *node) openMail(context.Context) (err error) {
	if n.cfg.MailIn.Addr == "" || !n.cfg.Roles.Ingest {
		return nil
	}
	if n.mail, err = listen("PARLEY_MAIL_ADDR", n.cfg.MailIn.Addr); err != nil {
		return err
	}
	n.closers = append(n.closers, closeOnce(n.mail))
	return nil
}

// openMailIn adds the stage that takes mail, whose replies s answers calls with.
func (n *node) openMailIn(s *ingest.Server) error {
	if n.mail == nil {
		return nil
	}
	to, err := mailin.ParseRecipient(n.cfg.MailIn.To)
	if err != nil {
		return fmt.Errorf("PARLEY_MAIL_TO: %w", err)
	}
	r, err := mailin.New(mailin.Config{
		Answer:          s.AnswerCall,
		To:              to,
		TLS:             n.mailTLS(),
		ShutdownTimeout: shutdownWait,
		Log:             n.log,
		Metrics:         n.metrics,
	})
	if err != nil {
		return err
	}
	n.stages = append(n.stages, stage{"mail", func(ctx context.Context) error { return r.Serve(ctx, n.mail) }})
	return nil
}

// mailTLS is that of the node, for a protocol that has no name in TLS; nil: there is none.
func (n *node) mailTLS() *tls.Config {
	if n.pair == nil {
		return nil
	}
	c := n.pair.Server()
	c.NextProtos = nil
	return c
}
