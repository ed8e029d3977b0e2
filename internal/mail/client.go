package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Client hands messages to servers. Each goes over a connection of its own. The zero value is ready; it is safe for concurrent use.
type Client struct {
	// TLS is how a server is verified that is reached now, by its host; nil: as the system does.
	TLS func(host string) *tls.Config
	// Name is the name that it says hello with. Empty: localhost.
	Name string
}

// commandWait bounds one command when ctx has no end.
const commandWait = time.Minute

// Send hands a message to a server; nil: the server has taken it. The error is of type *SendError. The end of ctx ends it.
func (c Client) Send(ctx context.Context, to Server, m *Message) error {
	content, err := m.Encode()
	if err != nil {
		return &SendError{Stage: "message", Permanent: true, err: err}
	}
	return c.with(ctx, to, func(session *smtp.Client) error { return transfer(session, m, content) })
}

// Probe connects, says hello and who it is, and goes. The error is of type *SendError.
func (c Client) Probe(ctx context.Context, to Server) error {
	return c.with(ctx, to, func(*smtp.Client) error { return nil })
}

// with opens a session with a server for the time of a function.
func (c Client) with(ctx context.Context, to Server, do func(*smtp.Client) error) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", to.Address)
	if err != nil {
		return failure("connect", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // whoever reads or writes sees it
	defer stop()
	defer conn.Close()
	session, err := c.begin(ctx, to, conn)
	if err == nil {
		err = do(session)
	}
	if err == nil {
		_ = session.Quit() // the message is the server's already
	}
	if e, ok := errors.AsType[*SendError](err); ok && ctx.Err() != nil {
		e.err = context.Cause(ctx) // rather than that the connection is closed
	}
	return err
}

func (c Client) begin(ctx context.Context, to Server, conn net.Conn) (*smtp.Client, error) {
	config := &tls.Config{ServerName: to.Host}
	if c.TLS != nil {
		config = c.TLS(to.Host)
	}
	var session *smtp.Client
	var err error
	switch to.Security {
	case ImplicitTLS:
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, failure("TLS", err)
		}
		session = smtp.NewClient(secure)
	case StartTLS:
		if err := conn.SetDeadline(deadline(ctx)); err != nil { // it waits longer than we do by itself
			return nil, failure("connect", err)
		}
		if session, err = smtp.NewClientStartTLS(conn, config); err != nil {
			return nil, failure("STARTTLS", err)
		}
	default:
		session = smtp.NewClient(conn)
	}
	session.CommandTimeout = time.Until(deadline(ctx))
	session.SubmissionTimeout = session.CommandTimeout
	name := c.Name
	if name == "" {
		name = "localhost"
	}
	if err := session.Hello(name); err != nil {
		return nil, failure("EHLO", err)
	}
	if to.User == "" {
		return session, nil
	}
	if err := authenticate(session, to); err != nil {
		return nil, failure("AUTH", err)
	}
	return session, nil
}

func deadline(ctx context.Context) time.Time {
	if end, ok := ctx.Deadline(); ok {
		return end
	}
	return time.Now().Add(commandWait)
}

func authenticate(session *smtp.Client, to Server) error {
	switch {
	case session.SupportsAuth(sasl.Plain):
		return session.Auth(sasl.NewPlainClient("", to.User, to.Password))
	case session.SupportsAuth(sasl.Login):
		return session.Auth(sasl.NewLoginClient(to.User, to.Password))
	}
	return errors.New("the server takes no password by PLAIN or LOGIN")
}

// transfer hands over a message. Until its last line is on the way nothing is; from then on, until the server has answered, nobody
// knows.
func transfer(session *smtp.Client, m *Message, content []byte) error {
	if limit, ok := session.MaxMessageSize(); ok && limit > 0 && len(content) > limit {
		return &SendError{Stage: "MAIL", Permanent: true, err: fmt.Errorf("the message has %d bytes, the server takes %d", len(content), limit)}
	}
	if err := session.Mail(m.From.Mailbox, &smtp.MailOptions{Size: int64(len(content))}); err != nil {
		return refusal("MAIL", err)
	}
	if err := session.Rcpt(m.To.Mailbox, nil); err != nil {
		return refusal("RCPT", err)
	}
	data, err := session.Data()
	if err != nil {
		return refusal("DATA", err)
	}
	if _, err := bytes.NewReader(content).WriteTo(data); err != nil {
		return failure("DATA", err)
	}
	if err := data.Close(); err != nil {
		e := refusal("end of DATA", err)
		e.Unknown = e.Code == 0
		return e
	}
	return nil
}
