// Package mailtest runs a real SMTP server that tests send to: it speaks TLS, asks for a password, and refuses as it is told.
package mailtest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/mail"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Config says how a server answers. The zero value takes everything, in the open.
type Config struct {
	// TLS is what it offers STARTTLS with; with Implicit it begins with it.
	TLS      *tls.Config
	Implicit bool
	// User and Password are what it asks for. Empty: it asks for nothing.
	User, Password string
	// Mail, Rcpt and Data answer the commands of these names; nil: they are taken. Data has read the whole message.
	Mail, Rcpt, Data error
	// HangUp closes the connection when a message has been read whole, and nothing has been answered.
	HangUp bool
	// MessageBytesMax is what it says it takes; 0: it says nothing.
	MessageBytesMax int64
}

// Server is a server that runs until its test ends.
type Server struct {
	// Address is host:port.
	Address string

	cfg   Config
	mu    sync.Mutex
	taken []Letter
}

// Letter is a message as it came.
type Letter struct {
	From, To string // of the envelope
	Content  []byte
}

// Parse reads the headers of a message.
func (l Letter) Parse(tb testing.TB) *mail.Message {
	tb.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(l.Content))
	if err != nil {
		tb.Fatalf("the message cannot be read: %v\n%s", err, l.Content)
	}
	return m
}

// Start runs a server on loopback.
func Start(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{Address: l.Addr().String(), cfg: cfg}
	if cfg.Implicit {
		l = tls.NewListener(l, cfg.TLS)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c}, nil }))
	server.ErrorLog = log.New(io.Discard, "", 0)
	server.TLSConfig = cfg.TLS
	server.MaxMessageBytes = cfg.MessageBytesMax
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	tb.Cleanup(func() {
		err := server.Close()
		_ = l.Close() // a server that was closed before it served does not know it
		if err := errors.Join(err, <-served); err != nil {
			tb.Errorf("serve mail: %v", err)
		}
	})
	return s
}

// Taken are the messages that have been taken so far.
func (s *Server) Taken() []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Letter(nil), s.taken...)
}

type session struct {
	server *Server
	conn   *smtp.Conn
	known  bool
	letter Letter
}

func (s *session) AuthMechanisms() []string {
	if s.server.cfg.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if s.known = user == s.server.cfg.User && password == s.server.cfg.Password; !s.known {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.cfg.User != "" && !s.known {
		return smtp.ErrAuthRequired
	}
	s.letter.From = from
	return s.server.cfg.Mail
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.To = to
	return s.server.cfg.Rcpt
}

func (s *session) Data(r io.Reader) (err error) {
	if s.letter.Content, err = io.ReadAll(r); err != nil {
		return err
	}
	if s.server.cfg.HangUp {
		return s.conn.Conn().Close()
	}
	if s.server.cfg.Data != nil {
		return s.server.cfg.Data
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.taken = append(s.server.taken, s.letter)
	return nil
}

func (s *session) Reset() { s.letter = Letter{} }

func (*session) Logout() error { return nil }
