package executor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"parley/internal/mail"
	"parley/internal/mail/mailtest"
	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

const welcome = `{"Subscribers": [{"EmailAddress": "Ann <ann@example.com>"}], "Subject": "Welcome", "Text": "Hello Ann", "Source": "shop"}`

func mailCall(properties string) executor.Request {
	return executor.Request{
		Call: &parleyv1.Call{
			Account: "acme", RequestId: "0190c0de-0000-7000-8000-000000000001", Method: "Create",
			Objects: []*parleyv1.Object{{Type: "TriggeredSend", CustomerKey: "welcome", Properties: []byte(properties)}},
		},
		Attempt: 1, Token: "dG9rZW4",
	}
}

func mailRoute(s *mailtest.Server) *route.Route {
	return &route.Route{Executor: route.Executor{
		Type: route.SMTP, URL: "smtp://" + s.Address + "?tls=none", From: "Shop <shop@example.org>", ReplyTo: "desk@example.org", Timeout: time.Minute,
	}}
}

func byMail(t *testing.T, r *route.Route, req executor.Request) conversation.Outcome {
	t.Helper()
	return executor.ByType{Mail: executor.NewSMTP(mail.Client{})}.Execute(t.Context(), r, req)
}

func TestSMTP(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Config{})
	if o := byMail(t, mailRoute(s), mailCall(welcome)); o.Kind != conversation.Answered || o.Status() != schemas.OK {
		t.Fatalf("outcome %+v", o)
	}
	taken := s.Taken()
	if len(taken) != 1 || taken[0].From != "shop@example.org" || taken[0].To != "ann@example.com" {
		t.Fatalf("taken %+v", taken)
	}
	m := taken[0].Parse(t)
	for name, want := range map[string]string{
		"Subject": "Welcome", "Message-Id": "<0190c0de-0000-7000-8000-000000000001@example.org>", "Reply-To": "<desk@example.org>",
		"From": `"Shop" <shop@example.org>`, "To": `"Ann" <ann@example.com>`, "Auto-Submitted": "auto-generated",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// The token travels in the subject, and the call waits for whoever answers with it.
func TestSMTPAwaitsReply(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Config{})
	r := mailRoute(s)
	r.Executor.AwaitReply = true
	if o := byMail(t, r, mailCall(welcome)); o.Kind != conversation.Deferred {
		t.Fatalf("outcome %+v", o)
	}
	if got := s.Taken()[0].Parse(t).Header.Get("Subject"); got != "Welcome [parley:dG9rZW4]" {
		t.Errorf("subject %q", got)
	}
}

// What proves that nothing was handed over may be tried again; what leaves it open must not.
func TestSMTPUnsent(t *testing.T) {
	t.Parallel()
	says := func(code int) error { return &smtp.SMTPError{Code: code, Message: "no"} }
	tests := []struct {
		name   string
		cfg    mailtest.Config
		kind   conversation.Kind
		code   schemas.Code
		unsent bool
	}{
		{"receiver for now", mailtest.Config{Rcpt: says(451)}, conversation.Transient, schemas.CallFailed, true},
		{"receiver for good", mailtest.Config{Rcpt: says(550)}, conversation.Failed, "MailRefused", false},
		{"message for now", mailtest.Config{Data: says(452)}, conversation.Transient, schemas.CallFailed, true},
		{"message too long", mailtest.Config{MessageBytesMax: 10}, conversation.Failed, "MailInvalid", false},
		{"no answer", mailtest.Config{HangUp: true}, conversation.Transient, schemas.CallFailed, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := byMail(t, mailRoute(mailtest.Start(t, tt.cfg)), mailCall(welcome))
			if o.Kind != tt.kind || o.Code != tt.code || o.Unsent != tt.unsent {
				t.Errorf("outcome %+v", o)
			}
		})
	}
	r := mailRoute(&mailtest.Server{Address: "127.0.0.1:1"})
	if o := byMail(t, r, mailCall(welcome)); o.Kind != conversation.Transient || !o.Unsent {
		t.Errorf("no server: outcome %+v", o)
	}
}

func TestSMTPRefuses(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Config{})
	tests := []struct{ name, properties, want string }{
		{"nothing", "", "has no properties"},
		{"another form", `{"Subscribers": "ann@example.com"}`, "not those of a message"},
		{"nobody", `{"Subject": "a", "Text": "b"}`, "one of Subscribers, not to 0"},
		{"two", `{"Subscribers": [{"EmailAddress": "a@b"}, {"EmailAddress": "c@d"}], "Subject": "a"}`, "not to 2"},
		{"no address", `{"Subscribers": [{"EmailAddress": "ann"}], "Subject": "a", "Text": "b"}`, "Subscribers/0/EmailAddress"},
		{"no subject", `{"Subscribers": [{"EmailAddress": "a@b"}], "Text": "b"}`, "no Subject"},
		{"no text", `{"Subscribers": [{"EmailAddress": "a@b"}], "Subject": "a"}`, "a text, or HTML"},
		{"another header", `{"Subscribers": [{"EmailAddress": "a@b"}], "Subject": "a\r\nBcc: c@d", "Text": "b"}`, "no line breaks"},
		{"another receiver", `{"Subscribers": [{"EmailAddress": "a@b\r\nBcc: c@d"}], "Subject": "a", "Text": "b"}`, "no control characters"},
	}
	for _, tt := range tests {
		if o := byMail(t, mailRoute(s), mailCall(tt.properties)); o.Kind != conversation.Failed || o.Code != "MailInvalid" || !strings.Contains(o.Message, tt.want) {
			t.Errorf("%s: outcome %+v, want %q", tt.name, o, tt.want)
		}
	}
	if n := len(s.Taken()); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}
