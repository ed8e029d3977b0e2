package executor

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/processor/conversation"
	parleyv1 "parley/schemas/parley/v1"
)

// FuzzAnswer holds of any answer: it is read without a panic, it has a result for each object or none, and all its
// texts can be recorded.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"results":[{"ordinal":1,"status":"Error","errorCode":"E","message":"m"},{"status":"OK"}]}`, "", uint8(2))
	f.Add(200, `{"results":[{"correlationId":"o1","status":"OK"},{"correlationId":"o0","status":"Error"}]}`, "", uint8(3))
	f.Add(200, `{"results":[{"ordinal":-1}]}`, "", uint8(1))
	f.Add(200, `<html>`, "", uint8(1))
	f.Add(204, ``, "", uint8(0))
	f.Add(404, `{"code":"C","detail":"é"}`, "", uint8(1))
	f.Add(409, `{"errorCode":5,"message":"\ud800"}`, "", uint8(1))
	f.Add(503, ``, "120", uint8(1))
	f.Add(503, ``, "Sun, 06 Nov 1994 08:49:37 GMT", uint8(1))
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string, objects uint8) {
		call := new(parleyv1.Call)
		for i := range objects {
			call.Objects = append(call.Objects, &parleyv1.Object{Type: "Row", CorrelationId: string([]byte{'o', '0' + i})})
		}
		a, err := readAnswer(&http.Response{
			StatusCode: status,
			Status:     http.StatusText(status),
			Header:     http.Header{"Retry-After": {retryAfter}},
			Body:       io.NopCloser(strings.NewReader(body)),
		})
		if err != nil {
			t.Fatal(err)
		}
		o := a.outcome(call)
		if o.Kind == conversation.Answered && len(o.Results) != len(call.Objects) || o.Kind != conversation.Answered && len(o.Results) > 0 {
			t.Errorf("kind %d with %d results for %d objects", o.Kind, len(o.Results), len(call.Objects))
		}
		if o.RetryAfter < 0 || o.RetryAfter > retryAfterMax || o.RetryAfter > 0 && o.Kind != conversation.Transient {
			t.Errorf("kind %d is to be repeated after %s", o.Kind, o.RetryAfter)
		}
		checkText(t, o.Message, messageBytesMax)
		checkText(t, string(o.Code), codeBytesMax)
		for _, r := range o.Results {
			checkText(t, r.Message, messageBytesMax)
			checkText(t, string(r.Code), codeBytesMax)
		}
	})
}

// checkText fails the test unless s is a text of at most so many bytes.
func checkText(t *testing.T, s string, bytesMax int) {
	t.Helper()
	if !utf8.ValidString(s) || len(s) > bytesMax {
		t.Errorf("%.60q has %d bytes of at most %d, valid UTF-8: %t", s, len(s), bytesMax, utf8.ValidString(s))
	}
}
