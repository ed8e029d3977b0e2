package replies

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/token"
	"parley/schemas"
)

const partitions = 4

var (
	now    = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	called = uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120002")
)

func signer(t testing.TB, secret string) *token.Signer {
	t.Helper()
	s, err := token.NewSigner([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tokenFor is a good token of a call on a partition, for an hour from at.
func tokenFor(t testing.TB, partition int32, at time.Time) string {
	t.Helper()
	return signer(t, "secret").Sign(token.Token{Partition: partition, RequestID: called, Expires: at.Add(time.Hour)})
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	good := tokenFor(t, 3, now)
	config := Config{Topics: schemas.TopicsOf("parley"), Partitions: partitions, Tokens: signer(t, "secret")}
	tests := []struct {
		name, header, value string
		want                string // the value of the record, or
		code                schemas.Code
		says                string
	}{
		{name: "token in the header", header: good, value: `{"results": [ ]}`, want: `{"token":"$"}`},
		{name: "token in the value", value: `{"results":[{"status":"OK","object":{}}],"token":"$"}`, want: `{"token":"$","results":[{"status":"OK"}]}`},
		{name: "token in both", header: good, value: `{"token":"$","processed":3}`, want: `{"token":"$","processed":3}`},
		{name: "failure", header: good, value: `{"status":"Error","message":"é"}`, want: `{"token":"$","status":"Error","errorCode":"CallFailed","message":"é"}`},
		{name: "two tokens", header: "other", value: `{"token":"$"}`, code: schemas.InvalidBody, says: "at /token: the header parley-deferred-token has another token"},
		{name: "no token", value: `{}`, code: schemas.InvalidBody, says: "at /token: the reply does not say what it answers"},
		{name: "nothing", header: good, code: schemas.InvalidBody, says: "unexpected EOF"},
		{name: "no answer", header: good, value: `{"done":true}`, code: schemas.InvalidBody, says: "at /done: there is no such member"},
		{name: "forged token", header: strings.Repeat("A", 60), value: `{}`, code: schemas.Forbidden, says: "at /token: not a token"},
		{name: "token of another secret", header: signer(t, "other").Sign(token.Token{Expires: now.Add(time.Hour)}), value: `{}`, code: schemas.Forbidden, says: "at /token: not a token"},
		{name: "expired token", header: tokenFor(t, 3, now.Add(-time.Hour)), value: `{}`, code: schemas.CodeExpired, says: "at /token: the token expired at 2026-12-01T08:00:00Z"},
		{name: "partition that is not there", header: tokenFor(t, partitions, now), value: `{}`, code: schemas.Forbidden, says: "names partition 4 of 4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reply := &kgo.Record{Topic: "done", Value: []byte(strings.ReplaceAll(tt.value, "$", good)), Headers: []kgo.RecordHeader{{Key: "x", Value: []byte("y")}}}
			if tt.header != "" {
				reply.Headers = append(reply.Headers, kgo.RecordHeader{Key: "parley-deferred-token", Value: []byte(tt.header)})
			}
			got, problem := config.answer(reply, now)
			if tt.code != "" {
				if problem == nil || problem.Code != tt.code || !strings.Contains(problem.Message(), tt.says) {
					t.Errorf("%v, want %s: %s", problem, tt.code, tt.says)
				}
				return
			}
			if problem != nil {
				t.Fatal(problem)
			}
			want := "parley.calls 3 018f4c1e-7c1a-7b5e-9d55-0242ac120002 type=answer content-type=application/json " + strings.ReplaceAll(tt.want, "$", good)
			if show(got) != want {
				t.Errorf("got  %s\nwant %s", show(got), want)
			}
		})
	}
}

func TestAnswerIsInTheTraceOfItsReply(t *testing.T) {
	t.Parallel()
	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	config := Config{Topics: schemas.TopicsOf("parley"), Partitions: partitions, Tokens: signer(t, "secret")}
	reply := &kgo.Record{Value: []byte(`{"token":"` + tokenFor(t, 3, now) + `"}`), Headers: []kgo.RecordHeader{
		{Key: "tracestate", Value: []byte("a=1")}, {Key: "traceparent", Value: []byte(traceparent)}, {Key: "traceparent", Value: []byte("x")},
	}}
	got, problem := config.answer(reply, now)
	if problem != nil {
		t.Fatal(problem)
	}
	if !strings.Contains(show(got), " traceparent="+traceparent+" tracestate=a=1 {") {
		t.Errorf("%s, want the trace of the reply", show(got))
	}
}

// show is a record as one line.
func show(r *kgo.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %s ", r.Topic, r.Partition, r.Key)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s=%s ", h.Key, h.Value)
	}
	return b.String() + string(r.Value)
}

// Nothing that a backend may write stops the reader.
func FuzzAnswer(f *testing.F) {
	good := tokenFor(f, 3, now)
	config := Config{Topics: schemas.TopicsOf("parley"), Partitions: partitions, Tokens: signer(f, "secret")}
	f.Add(good, []byte(`{"results":[{"ordinal":0,"status":"Error"}]}`))
	f.Add("", []byte(`{"token":"`+good+`","processed":1}`))
	f.Add("", []byte("\xff"))
	f.Fuzz(func(t *testing.T, header string, value []byte) {
		reply := &kgo.Record{Value: value, Headers: []kgo.RecordHeader{{Key: schemas.HeaderDeferredToken, Value: []byte(header)}}}
		got, problem := config.answer(reply, now)
		if (got == nil) == (problem == nil) {
			t.Fatalf("%v and %v", got, problem)
		}
		if got == nil {
			return
		}
		if a, problem := schemas.DecodeAnswer(got.Value); problem != nil || a.Token != good {
			t.Errorf("the record cannot be read: %v, %+v", problem, a)
		}
	})
}
