package executor_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// request is a first attempt at a call of three objects.
func request() executor.Request {
	return executor.Request{Attempt: 1, Call: &parleyv1.Call{
		Account:   "acme",
		RequestId: "018f4c1e-7c1a-7b5e-9d55-0242ac120002",
		Method:    "Create",
		Objects: []*parleyv1.Object{
			{Type: "Row", CorrelationId: "a"},
			{Type: "Row", CorrelationId: "b"},
			{Type: "Row", CorrelationId: "c"},
		},
	}}
}

// routeTo is a route to a backend, which has 10 seconds to answer.
func routeTo(url string) *route.Route {
	return &route.Route{Executor: route.Executor{URL: url, Timeout: 10 * time.Second}}
}

// newHTTP returns an executor that is closed at the end of the test.
func newHTTP(t *testing.T) *executor.HTTP {
	t.Helper()
	x := executor.NewHTTP(4)
	t.Cleanup(x.Close)
	return x
}

// serve starts a backend and returns its address.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// answers is a backend that always says the same.
func answers(status int, header http.Header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// raw is a backend that answers with bytes which are perhaps no HTTP, and hangs up.
func raw(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err) // a defect of the test: this server speaks HTTP/1.1
		}
		_, _ = io.WriteString(conn, answer)
		_ = conn.Close()
	}
}

// untilHungUp returns when the client has gone: a server notices that only once it has read the request.
func untilHungUp(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func said(results ...conversation.ObjectOutcome) conversation.Outcome {
	return conversation.Outcome{Kind: conversation.Answered, Results: results}
}

// because is o with the reason why the call failed.
func because(code schemas.Code, message string, o conversation.Outcome) conversation.Outcome {
	o.Code, o.Message = code, message
	return o
}

func failed(code schemas.Code, message string) conversation.Outcome {
	return conversation.Outcome{Kind: conversation.Failed, Code: code, Message: message}
}

func transient(message string) conversation.Outcome {
	return conversation.Outcome{Kind: conversation.Transient, Code: schemas.CallFailed, Message: message}
}

func unsent(message string) conversation.Outcome {
	o := transient(message)
	o.Unsent = true
	return o
}

func invalid(message string) conversation.Outcome { return failed(schemas.InvalidResponse, message) }

// TestAnswers goes through INTERFACES "The http executor", the table, row by row.
func TestAnswers(t *testing.T) {
	t.Parallel()
	type object = conversation.ObjectOutcome
	allOK := said(object{}, object{}, object{})
	tests := []struct {
		name   string
		status int
		body   string
		want   conversation.Outcome
	}{
		{
			"by ordinal", 200, `{"results":[{"ordinal":2,"status":"Error","errorCode":"NoRow","message":"no"},{"ordinal":0,"status":"OK","message":"new"}]}`,
			said(object{Message: "new"}, object{}, object{Failed: true, Code: "NoRow", Message: "no"}),
		},
		{
			"by correlationId", 200, `{"results":[{"correlationId":"c","status":"OK"},{"correlationId":"a","status":"Error","errorCode":"E"}]}`,
			said(object{Failed: true, Code: "E"}, object{}, object{}),
		},
		{
			"by position, fewer", 200, `{"results":[{"status":"OK"},{"status":"Error","message":"second"}]}`,
			said(object{}, object{Failed: true, Message: "second"}, object{}),
		},
		{
			"ordinal before position", 200, `{"results":[{"ordinal":1,"status":"Error","errorCode":"E"},{"ordinal":0,"status":"OK"},{"status":"OK"}]}`,
			said(object{}, object{Failed: true, Code: "E"}, object{}),
		},
		{"ordinal and correlationId agree", 200, `{"results":[{"ordinal":1,"correlationId":"b","status":"OK"}]}`, allOK},
		{"members that it does not know", 200, `{"took":3,"results":[{"status":"OK","object":{"id":"9"},"more":[1]}]}`, allOK},
		{"an error code that is too long", 200, `{"results":[{"status":"Error","errorCode":"` + strings.Repeat("é", 150) + `"}]}`,
			said(object{Failed: true, Code: schemas.Code(strings.Repeat("é", 100))}, object{}, object{})},
		{"a message that is too long", 200, `{"results":[{"status":"OK","message":"x` + strings.Repeat("é", 1500) + `"}]}`,
			said(object{Message: "x" + strings.Repeat("é", 999)}, object{}, object{})},

		{"all failed alike", 200, `{"results":[{"status":"Error","errorCode":"E","message":"m"},{"status":"Error","errorCode":"E","message":"m"},{"status":"Error","errorCode":"E","message":"m"}]}`,
			because("E", "m", said(object{Failed: true, Code: "E", Message: "m"}, object{Failed: true, Code: "E", Message: "m"}, object{Failed: true, Code: "E", Message: "m"}))},
		{"all failed, each in its way", 200, `{"results":[{"status":"Error","errorCode":"E","message":"m"},{"status":"Error","errorCode":"F","message":"n"},{"status":"Error","errorCode":"E","message":"m"}]}`,
			because(schemas.CallFailed, "all 3 objects failed", said(object{Failed: true, Code: "E", Message: "m"}, object{Failed: true, Code: "F", Message: "n"}, object{Failed: true, Code: "E", Message: "m"}))},
		{"all failed without a code", 200, `{"results":[{"status":"Error"},{"status":"Error"},{"status":"Error"}]}`,
			because(schemas.CallFailed, "", said(object{Failed: true}, object{Failed: true}, object{Failed: true}))},

		{"ordinal out of range", 200, `{"results":[{"ordinal":3,"status":"OK"}]}`, invalid("result 0: ordinal 3, but the call has 3 objects")},
		{"ordinal below zero", 200, `{"results":[{"ordinal":-1,"status":"OK"}]}`, invalid("result 0: ordinal -1, but the call has 3 objects")},
		{"ordinal against correlationId", 200, `{"results":[{"ordinal":0,"correlationId":"b","status":"OK"}]}`, invalid("result 0: object 0 has another correlationId")},
		{"correlationId of no object", 200, `{"results":[{"correlationId":"z","status":"OK"}]}`, invalid(`result 0: no object has the correlationId "z"`)},
		{"two for one object", 200, `{"results":[{"ordinal":1,"status":"OK"},{"status":"Error"}]}`, invalid("result 1: object 1 has a result already")},
		{"more than objects", 200, `{"results":[{"status":"OK"},{"status":"OK"},{"status":"OK"},{"status":"OK"}]}`, invalid("result 3: the call has 3 objects only")},
		{"unknown status", 200, `{"results":[{"status":"ok"}]}`, invalid(`result 0: status "ok" is neither OK nor Error`)},
		{"no status", 200, `{"results":[{}]}`, invalid(`result 0: status "" is neither OK nor Error`)},

		{"no results", 200, `{}`, allOK},
		{"results of null", 200, `{"results":null}`, allOK},
		{"empty results", 200, ` {"results":[]} `, allOK},
		{"no body", 200, ``, allOK},
		{"blank body", 200, " \r\n", allOK},
		{"no content", 204, ``, allOK},
		{"not JSON", 200, `<html>Bad gateway</html>`, transient("the backend answered 200 with something that is not JSON")},
		{"JSON cut off", 200, `{"results":[{"status":"OK"}`, transient("the backend answered 200 with something that is not JSON")},

		{"deferred", 202, ``, conversation.Outcome{Kind: conversation.Deferred}},
		{"deferred with words", 202, `{"results":[{"status":"Error"}]}`, conversation.Outcome{Kind: conversation.Deferred}},

		{"request timeout", 408, ``, transient("the backend answered 408 Request Timeout")},
		{"too early", 425, ``, transient("the backend answered 425 Too Early")},
		{"too many requests", 429, `{"code":"Slow"}`, unsent("the backend answered 429 Too Many Requests")},
		{"server error", 500, `{"code":"Bug"}`, transient("the backend answered 500 Internal Server Error")},
		{"not implemented", 501, ``, transient("the backend answered 501 Not Implemented")},
		{"bad gateway", 502, `<html>`, transient("the backend answered 502 Bad Gateway")},
		{"unavailable", 503, ``, transient("the backend answered 503 Service Unavailable")},
		{"gateway timeout", 504, ``, transient("the backend answered 504 Gateway Timeout")},

		{"problem document", 404, `{"code":"NoSuchType","detail":"there is no Row"}`, failed("NoSuchType", "there is no Row")},
		{"errorCode and message", 409, `{"errorCode":"Exists","message":"it is there"}`, failed("Exists", "it is there")},
		{"code before errorCode, detail before message", 422, `{"errorCode":"E2","code":"E1","message":"m","detail":"d"}`, failed("E1", "d")},
		{"code alone", 400, `{"code":"E1"}`, failed("E1", "the backend answered 400 Bad Request")},
		{"JSON without a reason", 403, `{"ok":false}`, failed(schemas.CallFailed, "the backend answered 403 Forbidden")},
		{"text", 400, `no`, failed(schemas.CallFailed, "the backend answered 400 Bad Request")},
		{"nothing", 410, ``, failed(schemas.CallFailed, "the backend answered 410 Gone")},
		{"a reason that is too long", 400, `{"code":"` + strings.Repeat("x", 300) + `","detail":"` + strings.Repeat("y", 3000) + `"}`,
			failed(schemas.Code(strings.Repeat("x", 200)), strings.Repeat("y", 2000))},

		{"created", 201, ``, invalid("the backend answered 201 Created, which means nothing here")},
		{"partial content", 206, `{}`, invalid("the backend answered 206 Partial Content, which means nothing here")},
		{"not modified", 304, ``, invalid("the backend answered 304 Not Modified, which means nothing here")},
	}
	x := newHTTP(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := x.Execute(t.Context(), routeTo(serve(t, answers(tt.status, nil, tt.body))), request())
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("outcome %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestAnswerOfAnotherFormIsInvalid(t *testing.T) {
	t.Parallel()
	x := newHTTP(t)
	for _, body := range []string{`[]`, `"OK"`, `true`, `{"results":{}}`, `{"results":[1]}`, `{"results":[{"ordinal":"1"}]}`, `{"results":[{"ordinal":1.5,"status":"OK"}]}`} {
		got := x.Execute(t.Context(), routeTo(serve(t, answers(200, nil, body))), request())
		if got.Kind != conversation.Failed || got.Code != schemas.InvalidResponse || !strings.Contains(got.Message, "does not have the form") {
			t.Errorf("%s: outcome %+v, want Failed InvalidResponse, not of the form", body, got)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	x := newHTTP(t)
	var requests atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	got := x.Execute(t.Context(), routeTo(url), request())
	if want := invalid("the backend answered 307 Temporary Redirect, which means nothing here"); !reflect.DeepEqual(got, want) {
		t.Errorf("outcome %+v, want %+v", got, want)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("the backend had %d requests, want 1", n)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	tests := []struct {
		value    string
		min, max time.Duration
	}{
		{"7", 7 * time.Second, 7 * time.Second},
		{"0", 0, 0},
		{"-3", 0, 0},
		{"1.5", 0, 0},
		{"soon", 0, 0},
		{"", 0, 0},
		{"3601", time.Hour, time.Hour},
		{"9223372036854775807", time.Hour, time.Hour},
		{at(30 * time.Minute), 29 * time.Minute, 30 * time.Minute},
		{at(-time.Minute), 0, 0},
		{at(48 * time.Hour), time.Hour, time.Hour},
	}
	x := newHTTP(t)
	for i, tt := range tests {
		status := []int{408, 425, 429, 500, 503}[i%5]
		header := http.Header{"Retry-After": {tt.value}}
		got := x.Execute(t.Context(), routeTo(serve(t, answers(status, header, ""))), request())
		if got.Kind != conversation.Transient || got.RetryAfter < tt.min || got.RetryAfter > tt.max {
			t.Errorf("%d with Retry-After %q: %+v, want Transient after %s to %s", status, tt.value, got, tt.min, tt.max)
		}
	}
}

func TestNoAnswerIsTransient(t *testing.T) {
	t.Parallel()
	silent := func(_ http.ResponseWriter, r *http.Request) { untilHungUp(r) }
	stalls := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"results":`)
		_ = http.NewResponseController(w).Flush()
		untilHungUp(r)
	}
	breaks := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"results":[]}`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	tests := []struct {
		name    string
		backend http.HandlerFunc
		timeout time.Duration
		want    string
	}{
		{"timeout before the answer", silent, 50 * time.Millisecond, "no answer: timeout"},
		{"timeout within the answer", stalls, 200 * time.Millisecond, "answer broke off: timeout"},
		{"broken off", breaks, 10 * time.Second, "answer broke off: unexpected EOF"},
		{"hung up", raw(""), 10 * time.Second, "no answer: EOF"},
		{"not HTTP", raw("220 mail.example.com ESMTP\r\n"), 10 * time.Second, `no answer: malformed HTTP status code "mail.example.com"`},
	}
	x := newHTTP(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := routeTo(serve(t, tt.backend))
			got, want := conversation.Outcome{}, transient(tt.want)
			// On a machine that is busy a short timeout ends before there is a connection, or before the answer begins.
			for timeout := tt.timeout; timeout <= 10*time.Second && !reflect.DeepEqual(got, want); timeout *= 2 {
				r.Executor.Timeout = timeout
				got = x.Execute(t.Context(), r, request())
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("outcome %+v, want %+v", got, want)
			}
		})
	}
}

func TestNoConnectionIsTransient(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // it only finds a port where nobody listens
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	got := newHTTP(t).Execute(t.Context(), routeTo("http://"+l.Addr().String()), request())
	if want := unsent("no answer: connection refused"); !reflect.DeepEqual(got, want) {
		t.Errorf("outcome %+v, want %+v", got, want)
	}
}

func TestEndOfTheContextEndsTheAttempt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		untilHungUp(r)
	})
	got := newHTTP(t).Execute(ctx, routeTo(url), request())
	if want := transient("no answer: context canceled"); !reflect.DeepEqual(got, want) {
		t.Errorf("outcome %+v, want %+v", got, want)
	}
}

func TestAnswerIsBounded(t *testing.T) {
	t.Parallel()
	x := newHTTP(t)
	for _, tt := range []struct {
		bytes int
		want  conversation.Outcome
	}{
		{executor.AnswerBytesMax, said(make([]conversation.ObjectOutcome, 3)...)},
		{executor.AnswerBytesMax + 1, invalid(fmt.Sprintf("answer is longer than %d bytes", executor.AnswerBytesMax))},
	} {
		body := `{}` + strings.Repeat(" ", tt.bytes-2)
		if got := x.Execute(t.Context(), routeTo(serve(t, answers(200, nil, body))), request()); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%d bytes: outcome %+v, want %+v", tt.bytes, got, tt.want)
		}
	}
}

// TestMessageCanBeRecorded holds what every outcome promises to the events: texts that are valid and short. A reason
// phrase is whatever bytes the backend likes.
func TestMessageCanBeRecorded(t *testing.T) {
	t.Parallel()
	x := newHTTP(t)
	for _, status := range []string{"400 \xff\xfe", "503 \xc3", "302 \xff", "404 " + strings.Repeat("é", 50_000)} {
		url := serve(t, raw("HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n"))
		got := x.Execute(t.Context(), routeTo(url), request())
		if !strings.Contains(got.Message, status[:3]) {
			t.Errorf("status %.20q: message %.100q does not tell it", status, got.Message)
		}
		if !utf8.ValidString(got.Message) || len(got.Message) > 2_000 {
			t.Errorf("status %.20q: the message has %d bytes, valid UTF-8: %t", status, len(got.Message), utf8.ValidString(got.Message))
		}
	}
}

func TestRequestIsTheCallAsReceived(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, received, want string }{
		{
			name: "part of a conversation",
			received: `{"account":"acme","requestId":"018f4c1e-7c1a-7b5e-9d55-0242ac120002","method":"Perform","action":"start \"now\"",
				"options":{"callsInConversation":3,"sequenceCode":2,"conversationId":"order/é\u0000","priority":"High"},
				"objects":[
					{"properties": { "b" : 1.0, "a":[ 1,2 ], "big":12345678901234567890, "s":"\u00e9\/" },"customerKey":"k","type":"Row","correlationId":"a"},
					{"type":"R<&>","objectId":"o","id":"i","partnerKey":"p","subscriberKey":"s","properties":null}]}`,
			want: `{"account":"acme","requestId":"018f4c1e-7c1a-7b5e-9d55-0242ac120002","conversationId":"order/é\u0000","sequenceCode":2,"callsInConversation":3,"attempt":1,"method":"Perform","action":"start \"now\"","objects":[` +
				`{"type":"Row","customerKey":"k","correlationId":"a","properties":{ "b" : 1.0, "a":[ 1,2 ], "big":12345678901234567890, "s":"\u00e9\/" }},` +
				`{"type":"R<&>","subscriberKey":"s","partnerKey":"p","id":"i","objectId":"o"}]}`,
		},
		{
			name:     "call on its own",
			received: `{"account":"acme","requestId":"018f4c1e-7c1a-7b5e-9d55-0242ac120002","method":"Create","objects":[{"type":"Row"}]}`,
			want:     `{"account":"acme","requestId":"018f4c1e-7c1a-7b5e-9d55-0242ac120002","conversationId":"","sequenceCode":1,"callsInConversation":1,"attempt":1,"method":"Create","action":"","objects":[{"type":"Row"}]}`,
		},
	}
	x := newHTTP(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			call, problem := schemas.DecodeCall([]byte(tt.received))
			if problem != nil {
				t.Fatal(problem)
			}
			seen := make(chan seenRequest, 1)
			url := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen <- see(r) })
			for attempt := range int32(3) {
				x.Execute(t.Context(), routeTo(url+"/calls?x=1"), executor.Request{Call: call, Attempt: attempt + 1, Fence: 1 << 62, Token: "t-_"})
				want := seenRequest{
					method: "POST", target: "/calls?x=1", contentType: "application/json", idempotencyKey: call.RequestId, token: "t-_", fence: "4611686018427387904",
					body: strings.Replace(tt.want, `"attempt":1`, fmt.Sprintf(`"attempt":%d`, attempt+1), 1),
				}
				if got := <-seen; got != want {
					t.Errorf("attempt %d: the backend had\n%+v, want\n%+v", attempt+1, got, want)
				}
			}
		})
	}
}

// seenRequest is what a backend sees of a request.
type seenRequest struct{ method, target, contentType, idempotencyKey, token, fence, body string }

func see(r *http.Request) seenRequest {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		body = []byte(err.Error())
	}
	h := r.Header
	return seenRequest{r.Method, r.RequestURI, h.Get("Content-Type"), h.Get("Idempotency-Key"), h.Get("Parley-Deferred-Token"), h.Get("Parley-Fence"), string(body)}
}
