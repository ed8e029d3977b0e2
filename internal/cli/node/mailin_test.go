package node

import (
	"errors"
	"fmt"
	"net/http"
	"net/smtp"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/internal/mail/mailtest"
)

// A call goes out as a message, and the reply to it answers the call; what else comes does not.
func TestRepliesByMail(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Config{})
	s := newSite(t)
	s.routes = filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(s.routes, fmt.Appendf(nil,
		"routes: [{name: mail, executor: {type: smtp, url: 'smtp://%s?tls=none', from: shop@example.com, replyTo: replies@example.com, awaitReply: true}}]", server.Address), 0o600); err != nil {
		t.Fatal(err)
	}
	n := s.start("a", Roles{Ingest: true, Processor: true}, func(cfg *Config) {
		cfg.MailIn = MailInConfig{Addr: "127.0.0.1:0", To: "replies@example.com"}
	})
	n.owns(8)
	a := n.do(http.MethodPost, "/v1/calls", `{"method":"Create","objects":[{"type":"TriggeredSend","properties":`+
		`{"Subscribers":[{"EmailAddress":"ann@example.org"}],"Subject":"Order 7","Text":"Well?"}}]}`)
	n.want("call", a, 202, "Queued")
	location, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	status := location.Path + "?" + location.RawQuery
	n.eventually("the call is deferred", func() bool { return n.get(status).Status == "Deferred" })
	sent := server.Taken()[0].Parse(t)
	subject, to := sent.Header.Get("Subject"), sent.Header.Get("Reply-To")
	if !strings.Contains(to, "replies@example.com") {
		t.Fatalf("replies go to %q", to)
	}
	reply := func(more, text string) string {
		return "From: Ann <ann@example.org>\r\nTo: " + to + "\r\nSubject: Re: " + subject + "\r\n" + more + "\r\n" + text + "\r\n\r\n> Well?\r\n"
	}
	for _, step := range []struct {
		what, from, to, content string
		code                    int
	}{
		{"an out-of-office", "ann@example.org", "replies@example.com", reply("Auto-Submitted: auto-replied\r\n", "I am away."), 550},
		{"a bounce", "", "replies@example.com", reply("", "Undeliverable"), 550},
		{"mail for others", "ann@example.org", "bob@example.net", reply("", "Approved"), 550},
		{"a forged token", "ann@example.org", "replies@example.com", strings.Replace(reply("", "Approved"), "[parley:A", "[parley:B", 1), 550},
		{"the reply", "ann@example.org", "replies@example.com", reply("", "Approved"), 250},
		{"the reply again", "ann@example.org", "replies@example.com", reply("", "Approved"), 250},
		{"another reply", "ann@example.org", "replies@example.com", reply("", "Error: no"), 550},
	} {
		if code := n.mailed(step.from, step.to, step.content); code != step.code {
			t.Errorf("%s: %d, want %d", step.what, code, step.code)
		}
		if step.code == 550 && step.what != "another reply" {
			n.want("after "+step.what, n.get(status), 200, "Deferred")
		}
	}
	ended := n.get(status + "&wait=20s")
	n.want("ended", ended, 200, "OK")
	if !strings.Contains(ended.body, `"message":"Approved"`) {
		t.Errorf("the reply is not in %s", ended.body)
	}
}

// mailed hands a message to a node, and again when its owner does not tell in time, and returns the code that it is answered with.
func (n *running) mailed(from, to, content string) int {
	n.t.Helper()
	for {
		err := smtp.SendMail(n.mail, nil, from, []string{to}, []byte(content))
		if err == nil {
			return 250
		}
		e, ok := errors.AsType[*textproto.Error](err)
		if !ok {
			n.t.Fatal(err)
		}
		if e.Code != 450 {
			return e.Code
		}
	}
}
