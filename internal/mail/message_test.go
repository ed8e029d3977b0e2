package mail_test

import (
	"bytes"
	"maps"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/internal/mail"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	good := map[string]mail.Address{
		"ann@example.com":                  {Mailbox: "ann@example.com"},
		"Ann B. <ann@example.com>":         {Name: "Ann B.", Mailbox: "ann@example.com"},
		"=?utf-8?q?J=C3=BCrgen?= <j@x.de>": {Name: "Jürgen", Mailbox: "j@x.de"},
	}
	for text, want := range good {
		if got, err := mail.ParseAddress(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	bad := []string{
		"", "ann", "ann@", "@example.com", "a@b, c@d", "ann@example.com\r\nBcc: bob@example.com",
		`"ann b"@example.com`, "ann@münchen.example", "=?utf-8?q?a=0D=0ABcc:_x?= <j@x.de>", "a@[127.0.0.1]",
		strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("b", 254), strings.Repeat("n", 500) + " <a@b>",
	}
	for _, text := range bad {
		if got, err := mail.ParseAddress(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestParseServer(t *testing.T) {
	t.Parallel()
	good := map[string]mail.Server{
		"smtp://mail.example.com":         {Address: "mail.example.com:587", Host: "mail.example.com"},
		"smtps://u:p%2Fw@m.example.com/":  {Address: "m.example.com:465", Host: "m.example.com", Security: mail.ImplicitTLS, User: "u", Password: "p/w"},
		"smtp://[::1]:25?tls=none":        {Address: "[::1]:25", Host: "::1", Security: mail.InTheOpen},
		"smtp://u:p@localhost:9?tls=none": {Address: "localhost:9", Host: "localhost", Security: mail.InTheOpen, User: "u", Password: "p"},
	}
	for text, want := range good {
		if got, err := mail.ParseServer(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "mail.example.com:587", "http://m/", "smtp://", "smtp://m/path", "smtp://m?tls=maybe", "smtps://m?tls=none",
		"smtp://secret@m", "smtp://u:secret@m?tls=none", "smtp://u:secret@m:port", "smtp://m?x=1",
	} {
		if got, err := mail.ParseServer(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error shows the password: %v", text, err)
		}
	}
}

func TestWithToken(t *testing.T) {
	t.Parallel()
	word := "[parley:" + strings.Repeat("a", 60) + "]"
	if got := mail.WithToken("Order 7", strings.Repeat("a", 60)); got != "Order 7 "+word {
		t.Errorf("subject %q", got)
	}
	got := mail.WithToken(strings.Repeat("ä", 400), strings.Repeat("a", 60))
	if len(got) > mail.SubjectBytesMax || !strings.HasSuffix(got, " "+word) || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	const token = "AQAAAAMBkl-4_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
	tests := map[string]string{
		mail.WithToken("Order 7", token):                   token,
		"Re: AW: Order 7 [parley:" + token + "]":           token,
		"[parley:" + token[:30] + " \t" + token[30:] + "]": token, // folded where nobody should
		"Order 7":                      "",
		"[parley:]":                    "",
		"[parley:" + token:             "",
		"[parley:a b!]":                "",
		"[parley:aa] Fwd: [parley:bb]": "",
		"[parley:" + strings.Repeat("a", 101) + "]": "",
	}
	for subject, want := range tests {
		if got := mail.Token(subject); got != want {
			t.Errorf("%q has %q, want %q", subject, got, want)
		}
	}
}

// FuzzToken: what a subject carries is found again, whatever else it says, unless it says that there are two.
func FuzzToken(f *testing.F) {
	f.Add("Order 7", "AQAA-_")
	f.Add("Re: [parley:", "x")
	f.Add("]\u2028", "0")
	f.Fuzz(func(t *testing.T, subject, token string) {
		if found := mail.Token(subject); len(found) > 100 || mail.Token("[parley:"+found+"]") != found {
			t.Errorf("%q has %q", subject, found)
		}
		if token == "" || mail.Token("[parley:"+token+"]") != token || strings.Contains(subject, "[parley:") {
			return
		}
		if got := mail.Token("Re: " + mail.WithToken(subject, token)); got != token {
			t.Errorf("%q carries %q, not %q", subject, got, token)
		}
	})
}

// FuzzEncode: whatever a caller says, a message has the headers that we give it, and no other.
func FuzzEncode(f *testing.F) {
	f.Add("ann@example.com", "Hello", "text", "<p>text</p>")
	f.Add("Ann <ann@example.com>", "Hello\r\nBcc: eve@example.com", "\r\n.\r\nMAIL FROM:<>", "")
	f.Add("=?utf-8?q?a=0D=0ABcc:_x?= <j@x.de>", "=?utf-8?q?=0D=0ABcc:_x?=", "", "\u2028")
	f.Add("ann@example.com", strings.Repeat("long words ", 40), "x", "")
	f.Fuzz(func(t *testing.T, to, subject, text, html string) {
		address, err := mail.ParseAddress(to)
		if err != nil {
			return
		}
		m := note()
		m.To, m.Text, m.HTML, m.Attachments = address, text, html, nil
		m.Subject = mail.WithToken(subject, "dG9rZW4")
		b, err := m.Encode()
		if err != nil {
			if text != "" || html != "" {
				t.Fatalf("a subject that was made a line is refused: %v", err)
			}
			return
		}
		got, err := netmail.ReadMessage(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		want := []string{"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}
		for _, name := range slices.Sorted(maps.Keys(got.Header)) {
			if !slices.Contains(want, name) || len(got.Header[name]) != 1 {
				t.Fatalf("header %s: %q\n%s", name, got.Header[name], b)
			}
		}
		receivers, err := got.Header.AddressList("To")
		if err != nil || len(receivers) != 1 || receivers[0].Address != address.Mailbox {
			t.Fatalf("to %v, %v; want %v", receivers, err, address)
		}
	})
}
