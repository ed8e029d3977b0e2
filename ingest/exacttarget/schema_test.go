package exacttarget

import (
	"net/http"
	"testing"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
	"parley/internal/partnerapi/partnerapitest"
)

// element reads an element of the partner API, as it comes in an envelope.
func element(t testing.TB, text string) *soap.Element {
	t.Helper()
	r, err := soap.Decode(http.Header{}, []byte(envelope(text)))
	if err != nil {
		t.Fatalf("%.1000s: %v", text, err)
	}
	return &r.Body
}

func envelope(body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="` +
		partnerapi.Namespace + `"><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

// conforms fails the test unless an answer is as the schema has it.
func conforms(t testing.TB, answer []byte) *soap.Element {
	t.Helper()
	if err := partnerapitest.Check([]byte(envelope(string(answer)))); err != nil {
		t.Errorf("%v: %s", err, answer)
	}
	return element(t, string(answer))
}
