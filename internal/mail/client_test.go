package mail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"parley/internal/mail"
	"parley/internal/mail/mailtest"
	"parley/internal/testkit"
)

func note() *mail.Message {
	return &mail.Message{
		From: mail.Address{Name: "Pärley", Mailbox: "parley@example.com"}, To: mail.Address{Mailbox: "ann@example.org"},
		Subject: "Grüße", Text: "Hello.\n.\nA line with one dot is above.", HTML: "<p>Hello.</p>",
		ID: "1@example.com", Date: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Automatic: true,
		Attachments: []mail.Attachment{{Name: "a.json", Type: "application/json", Content: []byte(`{"a": 1}`)}},
	}
}

// at is the server of a test, as a URL names it.
func at(t *testing.T, s *mailtest.Server, scheme, user, query string) mail.Server {
	t.Helper()
	to, err := mail.ParseServer(scheme + "://" + user + s.Address + query)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func send(t *testing.T, c mail.Client, to mail.Server, m *mail.Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return c.Send(ctx, to, m)
}

// certified is a server's TLS, and what a client trusts.
func certified(t *testing.T) (server *tls.Config, trust func(host string) *tls.Config) {
	t.Helper()
	authority, err := testkit.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	files, err := authority.Issue(t.TempDir(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, func(host string) *tls.Config {
		return &tls.Config{RootCAs: authority.Pool(), ServerName: host}
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	secure, trust := certified(t)
	tests := []struct {
		name        string
		cfg         mailtest.Config
		scheme      string
		user, query string
	}{
		{"STARTTLS and a password", mailtest.Config{TLS: secure, User: "u", Password: "p@ss"}, "smtp", "u:p%40ss@", ""},
		{"TLS from the beginning", mailtest.Config{TLS: secure, Implicit: true}, "smtps", "", ""},
		{"in the open", mailtest.Config{}, "smtp", "", "?tls=none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, tt.cfg)
			if err := send(t, mail.Client{TLS: trust}, at(t, s, tt.scheme, tt.user, tt.query), note()); err != nil {
				t.Fatal(err)
			}
			taken := s.Taken()
			if len(taken) != 1 || taken[0].From != "parley@example.com" || taken[0].To != "ann@example.org" {
				t.Fatalf("taken: %+v", taken)
			}
			got := taken[0].Parse(t)
			subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
			if err != nil || subject != "Grüße" || got.Header.Get("Auto-Submitted") != "auto-generated" || got.Header.Get("Message-Id") != "<1@example.com>" {
				t.Errorf("subject %q, %v; header %v", subject, err, got.Header)
			}
			_, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
			if err != nil {
				t.Fatal(err)
			}
			parts := multipart.NewReader(got.Body, params["boundary"])
			if _, err := parts.NextPart(); err != nil { // text and HTML
				t.Fatal(err)
			}
			file, err := parts.NextPart()
			if err != nil || file.FileName() != "a.json" {
				t.Fatalf("attachment: %v, %v", file, err)
			}
		})
	}
}

func TestSendFails(t *testing.T) {
	t.Parallel()
	secure, trust := certified(t)
	says := func(code int) error { return &smtp.SMTPError{Code: code, Message: "no"} }
	const open = "?tls=none"
	tests := []struct {
		name               string
		cfg                mailtest.Config
		scheme, user       string
		query              string
		code               int
		permanent, unknown bool
	}{
		{name: "no TLS from the beginning", cfg: mailtest.Config{TLS: secure}, scheme: "smtps"},
		{name: "no STARTTLS, no mail", scheme: "smtp"},
		{name: "the wrong password", cfg: mailtest.Config{TLS: secure, User: "u", Password: "p"}, scheme: "smtp", user: "u:x@", code: 535},
		{name: "no password", cfg: mailtest.Config{TLS: secure, User: "u", Password: "p"}, scheme: "smtp", code: 502, permanent: true},
		{name: "sender for now", cfg: mailtest.Config{Mail: says(450)}, scheme: "smtp", query: open, code: 450},
		{name: "receiver for now", cfg: mailtest.Config{Rcpt: says(451)}, scheme: "smtp", query: open, code: 451},
		{name: "receiver for good", cfg: mailtest.Config{Rcpt: says(550)}, scheme: "smtp", query: open, code: 550, permanent: true},
		{name: "message for now", cfg: mailtest.Config{Data: says(452)}, scheme: "smtp", query: open, code: 452},
		{name: "message for good", cfg: mailtest.Config{Data: says(554)}, scheme: "smtp", query: open, code: 554, permanent: true},
		{name: "message too long", cfg: mailtest.Config{MessageBytesMax: 100}, scheme: "smtp", query: open, permanent: true},
		{name: "no answer to the message", cfg: mailtest.Config{HangUp: true}, scheme: "smtp", query: open, unknown: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, tt.cfg)
			err := send(t, mail.Client{TLS: trust}, at(t, s, tt.scheme, tt.user, tt.query), note())
			e, ok := errors.AsType[*mail.SendError](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			if e.Code != tt.code || e.Permanent != tt.permanent || e.Unknown != tt.unknown {
				t.Errorf("code %d permanent %t unknown %t: %v; want %d %t %t", e.Code, e.Permanent, e.Unknown, e, tt.code, tt.permanent, tt.unknown)
			}
			if n := len(s.Taken()); n != 0 {
				t.Errorf("%d messages were taken", n)
			}
		})
	}
}

// A server that says nothing holds nobody longer than its time.
func TestSendEnds(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		cancel() // while it waits for a greeting
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}()
	err = mail.Client{}.Send(ctx, mail.Server{Address: l.Addr().String(), Host: "127.0.0.1", Security: mail.InTheOpen}, note())
	if e, ok := errors.AsType[*mail.SendError](err); !ok || e.Permanent || e.Unknown || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Config{User: "u", Password: "p"})
	err := mail.Client{}.Probe(t.Context(), at(t, s, "smtp", "", "?tls=none"))
	if err != nil {
		t.Error(err)
	}
	err = mail.Client{}.Probe(t.Context(), mail.Server{Address: "127.0.0.1:1", Host: "127.0.0.1"})
	if err == nil || !strings.HasPrefix(err.Error(), "connect: ") {
		t.Errorf("error %v", err)
	}
}
