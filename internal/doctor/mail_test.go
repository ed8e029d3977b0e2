package doctor

import (
	"crypto/tls"
	"strings"
	"testing"

	"parley/internal/mail"
	"parley/internal/mail/mailtest"
	"parley/internal/testkit"
)

// The mail server is greeted as it is when a message is handed over: with TLS, by authorities that are named, and a password.
func TestMailServer(t *testing.T) {
	t.Parallel()
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
	s := mailtest.Start(t, mailtest.Config{TLS: &tls.Config{Certificates: []tls.Certificate{pair}}, User: "u", Password: "p"})
	known := mail.Client{TLS: func(host string) *tls.Config { return &tls.Config{RootCAs: authority.Pool(), ServerName: host} }}
	for name, tt := range map[string]struct {
		by      mail.Client
		url     string
		verdict Verdict
		said    string
	}{
		"as it must be":        {known, "smtp://u:p@" + s.Address, OK, "takes us"},
		"an unknown authority": {mail.Client{}, "smtp://u:p@" + s.Address, Failure, "certificate"},
		"another password":     {known, "smtp://u:hidden@" + s.Address, Failure, "AUTH"},
		"nobody":               {known, "smtp://u:hidden@127.0.0.1:1", Failure, "connect"},
		"what is no such URL":  {known, "http://u:hidden@127.0.0.1", Failure, "scheme"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := CheckMail(t.Context(), tt.by, tt.url)
			if len(r) != 1 || r[0].Verdict != tt.verdict || !strings.Contains(r[0].Found, tt.said) || (r[0].Meaning == "") != (tt.verdict == OK) || (r[0].Remedy == "") != (tt.verdict == OK) {
				t.Errorf("%+v, want %v: %s", r, tt.verdict, tt.said)
			}
			if strings.Contains(r[0].Subject+r[0].Found, "hidden") {
				t.Errorf("the password is shown: %+v", r[0])
			}
		})
	}
}
