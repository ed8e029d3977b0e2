package email_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"parley/internal/mail"
	"parley/internal/mail/mailtest"
	"parley/processor/notify"
	"parley/processor/notify/email"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

func sender(t *testing.T, s *mailtest.Server, burst int) *email.Sender {
	t.Helper()
	server, err := mail.ParseServer("smtp://" + s.Address + "?tls=none")
	if err != nil {
		t.Fatal(err)
	}
	e, err := email.New(email.Config{Server: server, From: "Parley for {account} <parley+{account}@example.com>", Rate: 1e-6, Burst: burst})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func notification(includeResults bool) *notify.Notification {
	return &notify.Notification{
		ID: "d-1", Account: "acme", Type: schemas.EventCallFailed, Sequence: "3-1041", Cursor: "c", Attempt: 1,
		Timestamp: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Target:    &parleyv1.ResponseTarget{ResponseType: schemas.ResponseEmail, ResponseAddress: "ann@example.org", IncludeResults: includeResults, IncludeObjects: includeResults},
		Call: &schemas.CallResource{
			RequestID: "0190", Account: "acme", ConversationID: "order\r\nBcc: eve@example.com", SequenceCode: 2, CallsInConversation: 3,
			Method: "Create", Status: schemas.HasErrors, Total: 1, Processed: 1, Errors: 1,
			Results: []schemas.ResultResource{{
				CorrelationID: "a", ObjectType: "Row", CustomerKey: "<b>", Status: schemas.Error, ErrorCode: "NoStock", Message: "none & gone",
				Object: &schemas.ObjectResource{Type: "Row", CustomerKey: "<b>", Properties: []byte(`{"n": 1}`)},
			}},
		},
		Body: []byte(`{"type":"call.failed"}`),
	}
}

// part is one of a message, decoded.
type part struct{ kind, name, content string }

func parts(t *testing.T, contentType string, body io.Reader) (all []part) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		t.Fatalf("content type %q: %v", contentType, err)
	}
	r := multipart.NewReader(body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		var decoded io.Reader = p
		switch p.Header.Get("Content-Transfer-Encoding") {
		case "base64":
			decoded = base64.NewDecoder(base64.StdEncoding, p)
		case "quoted-printable":
			decoded = quotedprintable.NewReader(p)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "multipart/") {
			all = append(all, parts(t, p.Header.Get("Content-Type"), decoded)...)
			continue
		}
		content, err := io.ReadAll(decoded)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(p.Header.Get("Content-Type"), ";")
		all = append(all, part{kind, p.FileName(), string(content)})
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Config{})
	if v := sender(t, s, 1).Send(t.Context(), notification(true)); v != (notify.Verdict{Kind: notify.Taken}) {
		t.Fatalf("verdict %+v", v)
	}
	taken := s.Taken()
	if len(taken) != 1 || taken[0].From != "parley+acme@example.com" || taken[0].To != "ann@example.org" {
		t.Fatalf("taken %+v", taken)
	}
	m := taken[0].Parse(t)
	if m.Header.Get("Bcc") != "" || m.Header.Get("From") != `"Parley for acme" <parley+acme@example.com>` || m.Header.Get("Message-Id") != "<d-1@example.com>" {
		t.Errorf("header %v", m.Header)
	}
	if got := m.Header.Get("Subject"); got != "Call 2 of conversation order  Bcc: eve@example.com: HasErrors" {
		t.Errorf("subject %q", got)
	}
	got := parts(t, m.Header.Get("Content-Type"), m.Body)
	if len(got) != 4 || got[2].name != "Results.zip" || got[3] != (part{"application/json", "results.json", `{"type":"call.failed"}`}) {
		t.Fatalf("parts %+v", got)
	}
	if !strings.Contains(got[0].content, "2/0 Row <b> (a): Error NoStock: none & gone") || !strings.Contains(got[0].content, "Sequence: 3-1041") {
		t.Errorf("text:\n%s", got[0].content)
	}
	if !strings.Contains(got[1].content, "<td>&lt;b&gt;</td>") || strings.Contains(got[1].content, "<b>") {
		t.Errorf("HTML:\n%s", got[1].content)
	}
	checkResults(t, got[2].content)
}

// checkResults looks at Results.zip.
func checkResults(t *testing.T, packed string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader([]byte(packed)), int64(len(packed)))
	if err != nil || len(z.File) != 1 || z.File[0].Name != "Results.xml" {
		t.Fatalf("Results.zip: %v", err)
	}
	r, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var x struct {
		XMLName  xml.Name `xml:"http://exacttarget.com/wsdl/partnerAPI Results"`
		Response []struct {
			Results []struct {
				StatusCode, StatusMessage string
				ErrorCode                 int
				Object                    struct {
					CustomerKey string
					N           int `xml:"n"`
				}
			}
			RequestID, OverallStatus string
		} `xml:"http://exacttarget.com/wsdl/partnerAPI CreateResponse"`
	}
	if err := xml.NewDecoder(r).Decode(&x); err != nil {
		t.Fatal(err)
	}
	if len(x.Response) != 1 || x.Response[0].RequestID != "0190" || x.Response[0].OverallStatus != "Has Errors" || len(x.Response[0].Results) != 1 {
		t.Fatalf("Results.xml: %+v", x)
	}
	if r := x.Response[0].Results[0]; r.StatusCode != "Error" || r.ErrorCode != 204 || !strings.Contains(r.StatusMessage, "NoStock: none & gone") ||
		r.Object.CustomerKey != "<b>" || r.Object.N != 1 {
		t.Errorf("result %+v", r)
	}
}

// Whom a call by SOAP has named gets the results in the form of that interface alone.
func TestSendBySOAP(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Config{})
	n := notification(true)
	n.Soap, n.Body = true, nil
	if v := sender(t, s, 1).Send(t.Context(), n); v.Kind != notify.Taken {
		t.Fatalf("verdict %+v", v)
	}
	m := s.Taken()[0].Parse(t)
	got := parts(t, m.Header.Get("Content-Type"), m.Body)
	if len(got) != 3 || got[2].name != "Results.zip" {
		t.Fatalf("parts %+v", got)
	}
	checkResults(t, got[2].content)
}

// Without IncludeResults there is a notification, and no more.
func TestSendWithoutResults(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Config{})
	n := notification(false)
	n.Call, n.Conversation = nil, &schemas.ConversationResource{ConversationID: "order-7", Status: schemas.ConversationComplete, Total: 3, Processed: 3}
	if v := sender(t, s, 1).Send(t.Context(), n); v.Kind != notify.Taken {
		t.Fatalf("verdict %+v", v)
	}
	m := s.Taken()[0].Parse(t)
	if got := m.Header.Get("Subject"); got != "Conversation order-7: Complete" {
		t.Errorf("subject %q", got)
	}
	if got := parts(t, m.Header.Get("Content-Type"), m.Body); len(got) != 2 || got[0].kind != "text/plain" || got[1].kind != "text/html" {
		t.Errorf("parts %+v", got)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	says := func(code int) error { return &smtp.SMTPError{Code: code, Message: "no"} }
	tests := []struct {
		name string
		cfg  mailtest.Config
		to   string
		kind notify.Kind
		code schemas.Code
	}{
		{"for now", mailtest.Config{Rcpt: says(450)}, "a@b", notify.Again, schemas.TargetNotTaking},
		{"for good", mailtest.Config{Rcpt: says(550)}, "a@b", notify.Refused, schemas.TargetRefused},
		{"too long", mailtest.Config{MessageBytesMax: 10}, "a@b", notify.Refused, schemas.TargetRefused},
		{"no answer", mailtest.Config{HangUp: true}, "a@b", notify.Again, schemas.TargetUnanswered},
		{"no address", mailtest.Config{}, "ä@b", notify.Refused, schemas.TargetForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := notification(true)
			n.Target.ResponseAddress = tt.to
			if v := sender(t, mailtest.Start(t, tt.cfg), 1).Send(t.Context(), n); v.Kind != tt.kind || v.Code != tt.code || v.Message == "" || v.RetryAfter != 0 {
				t.Errorf("verdict %+v", v)
			}
		})
	}
}

// An account that has had its messages holds up no other, and waits for as long as it must: that is no attempt.
func TestRate(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Config{})
	e := sender(t, s, 2)
	other := notification(false)
	other.Account = "other"
	for i, want := range []notify.Kind{notify.Taken, notify.Taken, notify.Later} {
		if v := e.Send(t.Context(), notification(false)); v.Kind != want || (v.RetryAfter > 0) != (want == notify.Later) {
			t.Errorf("message %d: %+v", i, v)
		}
	}
	if v := e.Send(t.Context(), other); v.Kind != notify.Taken {
		t.Errorf("the other account: %+v", v)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"", "parley", "{account}"} {
		if _, err := email.New(email.Config{From: from, Rate: 1, Burst: 1}); err == nil {
			t.Errorf("a sender %q", from)
		}
	}
}
