package ingest

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"parley/internal/telemetry"
	"parley/internal/testkit"
	"parley/schemas"
)

const (
	someTrace   = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceparent = "00-" + someTrace + "-00f067aa0ba902b7-01"
	unsampled   = "00-" + someTrace + "-00f067aa0ba902b7-00"
)

// tracing has a server make spans, and keeps them.
func tracing(spans *tracetest.InMemoryExporter, options ...sdktrace.TracerProviderOption) func(*Config) {
	return func(c *Config) {
		c.Tracer = sdktrace.NewTracerProvider(append(options, sdktrace.WithSyncer(spans))...).Tracer("test")
	}
}

// ended returns the spans of n requests, in their order; they may end a moment after the answer.
func ended(t *testing.T, spans *tracetest.InMemoryExporter, n int) tracetest.SpanStubs {
	t.Helper()
	eventually(t, fmt.Sprintf("%d spans", n), func() bool { return len(spans.GetSpans()) >= n })
	return testkit.Spans(spans)
}

// The trace of a request goes into its calls, whether spans are made or not, and whether it is sampled or not.
func TestTraceGoesIntoTheCall(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	for _, c := range []struct {
		name    string
		changes []func(*Config)
		header  []string
		want    string // begins the call's traceparent; empty: it has none
		flags   string // ends it
		state   string
	}{
		{name: "none"},
		{name: "not traced", header: []string{"Traceparent", traceparent, "Tracestate", "a=1"}, want: traceparent, state: "a=1"},
		{name: "not traced, not sampled", header: []string{"Traceparent", unsampled}, want: unsampled},
		{name: "not valid", header: []string{"Traceparent", "00-abc", "Tracestate", "a=1"}},
		{name: "traced, of its own", changes: []func(*Config){tracing(spans)}, want: "00-", flags: "-01"},
		{name: "traced", changes: []func(*Config){tracing(spans)}, header: []string{"Traceparent", traceparent, "Tracestate", "a=1"}, want: "00-" + someTrace, flags: "-01", state: "a=1"},
		{name: "traced, not sampled", changes: []func(*Config){tracing(spans)}, header: []string{"Traceparent", unsampled}, want: "00-" + someTrace, flags: "-00"},
		{name: "never sampled", changes: []func(*Config){tracing(spans, sdktrace.WithSampler(sdktrace.NeverSample()))}, header: []string{"Traceparent", traceparent}, want: "00-" + someTrace, flags: "-00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t, c.changes...)
			h.post(t, part("c", 1, 1), c.header...).accepted(t)
			got := callOf(t, h.log(t, 1)[0])
			if !strings.HasPrefix(got.Traceparent, c.want) || !strings.HasSuffix(got.Traceparent, c.flags) || (got.Traceparent == "") != (c.want == "") || got.Tracestate != c.state {
				t.Errorf("the call has the trace %q and state %q, want %q…%q and %q", got.Traceparent, got.Tracestate, c.want, c.flags, c.state)
			}
		})
	}
}

// A resend in another trace is the same call: same request id, digest and content.
func TestTraceIsNoPartOfACall(t *testing.T) {
	t.Parallel()
	h := start(t)
	first := h.post(t, part("c", 1, 2), "Traceparent", traceparent).accepted(t)
	second := h.post(t, part("c", 1, 2)).accepted(t)
	if first.RequestID != second.RequestID || first.Digest != second.Digest {
		t.Errorf("%s %s, and sent again %s %s", first.RequestID, first.Digest, second.RequestID, second.Digest)
	}
	var contents []uint64
	for _, r := range h.log(t, 2) {
		content, err := schemas.Content(callOf(t, r))
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, content)
	}
	if contents[0] != contents[1] {
		t.Errorf("contents %d, want them equal", contents)
	}
}

func TestRequestSpan(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	h := start(t, tracing(spans))
	for _, path := range []string{"/healthz", "/metrics", "/docs", "/nowhere"} {
		h.get(t, path) // these have no span
	}
	ack := h.post(t, part("c", 1, 1), "Traceparent", traceparent).accepted(t)
	h.post(t, "["+part("d", 1, 1)+","+part("d", 0, 1)+"]")
	h.post(t, `{}`)
	h.broker.Close()
	h.post(t, part("e", 1, 1))
	got := ended(t, spans, 4)
	if len(got) != 4 {
		t.Fatalf("%d spans, want one for each request at /v1", len(got))
	}
	one := got[0]
	if one.Name != "POST /v1/calls" || one.SpanContext.TraceID().String() != someTrace || one.Parent.SpanID().String() != "00f067aa0ba902b7" {
		t.Errorf("span %q of trace %s below %s", one.Name, one.SpanContext.TraceID(), one.Parent.SpanID())
	}
	for i, want := range []map[string]string{
		{
			"http.request.method": "POST", "http.route": "/v1/calls", "url.path": "/v1/calls", "http.response.status_code": "202",
			"parley.account": "default", "parley.request.id": ack.RequestID, "parley.conversation.id": "c", "error.type": "",
		},
		{"http.response.status_code": "202", "parley.calls.accepted": "1", "parley.calls.refused": "1", "parley.request.id": ""},
		{"http.response.status_code": "400", "error.type": ""},
		{"http.response.status_code": "503", "error.type": "503"},
	} {
		for key, v := range want {
			if got := testkit.SpanAttribute(got[i], key); got != v {
				t.Errorf("span %d: %s is %q, want %q", i, key, got, v)
			}
		}
	}
	if got[2].Status.Code != codes.Unset || got[3].Status.Code != codes.Error {
		t.Errorf("of 400 %v, of 503 %v; only the latter is our error", got[2].Status, got[3].Status)
	}
}

// Who has the token of a deferred call can answer it: the token goes into the log, but neither into spans nor log lines.
func TestTraceOfALateAnswer(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	h := start(t, tracing(spans))
	secret := h.sign(t, time.Hour)
	h.do(t, http.MethodPost, deferredPath+secret, []byte(`{"results":[]}`), "Traceparent", traceparent)
	r := h.log(t, 1)[0]
	i := slices.IndexFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == schemas.HeaderTraceparent })
	if i < 0 || !strings.HasPrefix(string(r.Headers[i].Value), "00-"+someTrace) {
		t.Errorf("headers %v, want the trace %s", r.Headers, someTrace)
	}
	span := ended(t, spans, 1)[0]
	if text := fmt.Sprint(span.Name, span.Attributes) + h.logged.String(); strings.Contains(text, secret) {
		t.Errorf("the token is in %s", text)
	}
}

func TestRequestIsNamed(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.Log = slog.New(telemetry.NewHandler(c.Log.Handler())) })
	if got := h.post(t, part("c", 1, 1), telemetry.HeaderRequest, "my-request").header.Get(telemetry.HeaderRequest); got != "my-request" {
		t.Errorf("the name is %q, want that which was given", got)
	}
	bad := h.post(t, `{}`, telemetry.HeaderRequest, "my request").header.Get(telemetry.HeaderRequest)
	if bad == "" || bad == "my request" {
		t.Errorf("the name is %q, want another one", bad)
	}
	eventually(t, "both are logged", func() bool { return strings.Count(h.logged.String(), "request answered") == 2 })
	for _, want := range []string{`msg="call accepted"`, `msg="request answered"`} {
		if !slices.ContainsFunc(strings.Split(h.logged.String(), "\n"), func(line string) bool {
			return strings.Contains(line, want) && strings.HasSuffix(line, "http_request=my-request")
		}) {
			t.Errorf("no line %s with the name of the request in %s", want, h.logged)
		}
	}
}
