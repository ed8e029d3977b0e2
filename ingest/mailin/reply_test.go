package mailin

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/schemas"
)

const someToken = "AQAAAAMBkl-4_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"

// message is one as it comes, lines with CRLF.
func message(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n") }

func TestSubjects(t *testing.T) {
	t.Parallel()
	encoded := strings.ReplaceAll(someToken, "_", "=5F")
	tests := map[string]bool{ // whether the token is found
		"Subject: Order 7 [parley:" + someToken + "]":                                               true,
		"Subject: Re: AW: SV: Order 7 [parley:" + someToken + "]":                                   true,
		"subject: Re: [Shop] Order 7 [parley:" + someToken + "] (was: order)":                       true,
		"Subject: Re: Order 7\r\n [parley:" + someToken + "]":                                       true,
		"Subject: Re: Order 7 [parley:" + someToken[:20] + "\r\n\t" + someToken[20:] + "]":          true,
		"Subject: =?utf-8?Q?AW:_Gr=C3=BC=C3=9Fe_[parley:" + encoded + "]?=":                         true,
		"Subject: =?utf-8?Q?AW:_[parley:" + encoded[:9] + "?=\r\n =?utf-8?Q?" + encoded[9:] + "]?=": true,
		"Subject: =?UTF-8?B?UmU6IA==?= [parley:" + someToken + "]":                                  true,
		"Subject: =?iso-8859-1?Q?Gr=FC=DFe_[parley:" + encoded + "]?=":                              true,
		"Subject: =?windows-1251?Q?=CE=F2_[parley:" + encoded + "]?=":                               true,
		"Subject: =?utf-8?Q?broken [parley:" + someToken + "]":                                      true,
		"Subject: Re: Order 7":                                            false,
		"Subject: Re: [parley:" + someToken:                               false,
		"Subject: Re: [parley:]":                                          false,
		"Subject: [parley:" + someToken + "] [parley:" + someToken + "x]": false,
		"X-Subject: [parley:" + someToken + "]":                           false,
	}
	for header, found := range tests {
		r, why := readReply(message("From: ann@example.org", header, "", "Fine."))
		if found != (r != nil && r.token == someToken) || !found && why != noToken {
			t.Errorf("%q: %+v, %+v", header, r, why)
		}
	}
}

// What a reply means.
func TestReplies(t *testing.T) {
	t.Parallel()
	const subject = "Subject: Re: Order 7 [parley:" + someToken + "]"
	html := []string{"--b", "Content-Type: text/html", "", "<p>Error: no</p>"}
	mixed := func(part ...string) []string {
		return append(append([]string{"MIME-Version: 1.0", `Content-Type: multipart/alternative; boundary="b"`, "", "preamble", "--b"}, part...), append(html, "--b--")...)
	}
	tests := []struct {
		name    string
		lines   []string // behind the subject
		says    string   // of an answer that is OK
		error   bool     // it is none: says is why
		refused *refusal
	}{
		{name: "a line", lines: []string{"", "Approved."}, says: "Approved."},
		{name: "a paragraph", lines: []string{"", "", "Approved,", "  as we said.", "", "Yours, Ann"}, says: "Approved, as we said."},
		{name: "a failure", lines: []string{"", "Error: out of stock", "until May", "", "Ann"}, says: "out of stock until May", error: true},
		{name: "a failure in other letters", lines: []string{"", "ERROR:no"}, says: "no", error: true},
		{name: "a failure without a reason", lines: []string{"", "error:"}, error: true},
		{name: "no failure", lines: []string{"", "Errors: none"}, says: "Errors: none"},
		{name: "above a quotation", lines: []string{"", "Approved", "", "On Sunday Parley wrote:", "> Error: no"}, says: "Approved"},
		{name: "below a quotation", lines: []string{"", "On Sunday Parley <parley@", "example.com> wrote:", "> Order 7?", "", "Error: no"}, says: "no", error: true},
		{name: "below a quotation and a line", lines: []string{"", "On Sunday Parley wrote:", "", "> Order 7?", ">", "> Well?", "Error: no"}, says: "no", error: true},
		{name: "an introduction", lines: []string{"", "As we said:", "", "1. Approved"}, says: "As we said:"},
		{name: "above another program's quotation", lines: []string{"", "Approved", "-----Original Message-----", "Error: no"}, says: "Approved"},
		{name: "a signature", lines: []string{"", "Approved", "-- ", "Ann"}, says: "Approved"},
		{name: "long", lines: []string{"", strings.Repeat("ä", 600)}, says: strings.Repeat("ä", 500)},
		{name: "control characters", lines: []string{"", "a\x00\x1bb"}, says: "a  b"},
		{name: "quoted-printable", lines: []string{"Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: Quoted-Printable", "", "Gr=C3=BC=", "=C3=9Fe"}, says: "Grüße"},
		{name: "base64", lines: []string{"Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: base64", "", "R3LDvMOf", "ZQ=="}, says: "Grüße"},
		{name: "Latin 1", lines: []string{"Content-Type: text/plain; charset=ISO-8859-1", "", "Gr\xfc\xdfe"}, says: "Grüße"},
		{name: "a script that is not read", lines: []string{"Content-Type: text/plain; charset=koi8-r", "", "Error: \xf0"}, says: "\uFFFD", error: true},
		{name: "with HTML", lines: mixed("Content-Type: text/plain", "", "Approved"), says: "Approved"},
		{name: "in a part of a part", lines: mixed("Content-Type: multipart/mixed; boundary=c", "", "--c", "Content-Type: text/plain", "Content-Transfer-Encoding: base64", "", "T0s=", "--c--"), says: "OK"},
		{name: "a file before the text", lines: mixed("Content-Type: text/plain", "Content-Disposition: attachment; filename=a.txt", "", "Error: no", "--b", "Content-Type: text/plain", "", "OK"), says: "OK"},
		{name: "said to be no program", lines: []string{"Auto-Submitted: No", "", "OK"}, says: "OK"},

		{name: "nothing", lines: []string{""}, refused: noText},
		{name: "a quotation alone", lines: []string{"", "On Sunday Parley wrote:", "> Order 7?"}, refused: noText},
		{name: "another program's quotation alone", lines: []string{"", "________________________________", "From: Parley"}, refused: noText},
		{name: "HTML alone", lines: []string{"Content-Type: text/html", "", "<p>OK</p>"}, refused: noText},
		{name: "parts without an end", lines: []string{"Content-Type: multipart/mixed; boundary=b", "", "--c"}, refused: noText},
		{name: "parts without a boundary", lines: []string{"Content-Type: multipart/mixed", "", "--"}, refused: noText},
		{name: "an out-of-office", lines: []string{"Auto-Submitted: auto-replied (vacation)", "", "I am away."}, refused: automatic},
		{name: "our own message", lines: []string{"Auto-Submitted: auto-generated", "", "Order 7?"}, refused: automatic},
		{name: "said twice", lines: []string{"Auto-Submitted: no", "Auto-Submitted: auto-replied; owner-email=a@b", "", "I am away."}, refused: automatic},
		{name: "an older out-of-office", lines: []string{"Precedence: bulk", "", "I am away."}, refused: automatic},
		{name: "another out-of-office", lines: []string{"X-Autoreply: yes", "", "I am away."}, refused: automatic},
		{name: "a receipt", lines: []string{"Content-Type: multipart/report; report-type=disposition-notification; boundary=b", "", "--b", "", "It was displayed.", "--b--"}, refused: automatic},
		{name: "no header", lines: []string{"no header"}, refused: noMessage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, why := readReply(message(append([]string{subject}, tt.lines...)...))
			switch {
			case tt.refused != nil:
				if r != nil || why != tt.refused {
					t.Fatalf("it says %+v, refused by %+v", r, why)
				}
			case why != nil:
				t.Fatalf("refused: %v", why.reply)
			case tt.error:
				if a := r.answer; !a.Failed || a.Code != schemas.CallFailed || a.Message != tt.says || a.Results != nil {
					t.Errorf("it says %+v", a)
				}
			default:
				if a := r.answer; a.Failed || len(a.Results) != 1 || a.Results[0] != (schemas.AnswerResult{Status: schemas.OK, Message: tt.says}) {
					t.Errorf("it says %+v", a)
				}
			}
		})
	}
}

// A message longer than what is looked at is read to its end.
func TestReadHead(t *testing.T) {
	t.Parallel()
	whole := append(message("Subject: [parley:"+someToken+"]", "", "OK", ""), bytes.Repeat([]byte("x"), headBytesMax)...)
	rest := bytes.NewReader(whole)
	head, err := readHead(rest)
	if err != nil || len(head) != headBytesMax || rest.Len() > 0 {
		t.Fatalf("%d bytes, %d are left, %v", len(head), rest.Len(), err)
	}
	if r, why := readReply(head); why != nil || r.answer.Results[0].Message != "OK" {
		t.Errorf("%+v, %+v", r, why)
	}
	if _, err := readHead(io.MultiReader(bytes.NewReader(whole), brokenReader{})); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a message that was broken off behind its head: %v", err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// FuzzReadReply: whatever comes, what is made of it can be written down, and is the same when it comes again.
func FuzzReadReply(f *testing.F) {
	f.Add(message("Subject: Re: [parley:"+someToken+"]", "", "Error: no"))
	f.Add(message("Subject: =?utf-8?Q?AW:_[parley:"+someToken+"]?=", "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Transfer-Encoding: base64", "", "T0s=", "--b--"))
	f.Add(message("Subject: [parley:a]", "Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable", "", "> a", "=FC"))
	f.Fuzz(func(t *testing.T, head []byte) {
		r, why := readReply(head)
		if (r == nil) == (why == nil) {
			t.Fatalf("%+v beside %+v", r, why)
		}
		if r == nil {
			return
		}
		value, err := schemas.EncodeAnswer(r.answer)
		if err != nil || r.token == "" || !utf8.ValidString(r.token) {
			t.Fatalf("%+v: %v", r, err)
		}
		back, p := schemas.DecodeAnswer(value)
		if p != nil || schemas.AnswerDigest(back) != schemas.AnswerDigest(r.answer) {
			t.Fatalf("%s: %v", value, p)
		}
	})
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	tests := []struct {
		to, mailbox string
		takes       bool
	}{
		{"replies@example.com", "Replies@Example.com", true},
		{"Replies@Example.com", "replies@example.com", true},
		{"replies@example.com", "other@example.com", false},
		{"replies@example.com", "replies@example.com.evil.org", false},
		{"example.com", "anybody@example.com", true},
		{"example.com", "anybody@mail.example.com", false},
		{"example.com", "anybody%example.com@evil.org", false},
		{"example.com", "@example.com", false},
		{"example.com", "postmaster", false},
	}
	for _, tt := range tests {
		r, err := ParseRecipient(tt.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.takes(tt.mailbox); got != tt.takes {
			t.Errorf("%s takes mail for %s: %t", r, tt.mailbox, got)
		}
		if again, err := ParseRecipient(r.String()); err != nil || again != r {
			t.Errorf("%s is read as %+v, %v", r, again, err)
		}
	}
	for _, bad := range []string{"", "@", "a@", "@example.com", "a b", "Ann <ann@example.com>", "a@b,c@d"} {
		if r, err := ParseRecipient(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, r)
		}
	}
}
