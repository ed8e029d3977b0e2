package executor_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"parley/internal/route"
	"parley/internal/telemetry"
	"parley/processor/executor"
)

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceparent = "00-" + traceID + "-00f067aa0ba902b7-01"
)

var someTrace = telemetry.Trace{Traceparent: traceparent, Tracestate: "a=1"}

func TestRequestIsInTheTraceOfItsContext(t *testing.T) {
	t.Parallel()
	x := newHTTP(t)
	seen := make(chan http.Header, 1)
	r := routeTo(serve(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	x.Execute(someTrace.In(t.Context()), r, request())
	if h := <-seen; h.Get("Traceparent") != traceparent || h.Get("Tracestate") != "a=1" {
		t.Errorf("headers %v, want the trace", h)
	}
	x.Execute(t.Context(), r, request())
	if h := <-seen; h.Get("Traceparent") != "" || h.Get("Tracestate") != "" {
		t.Errorf("headers %v, want no trace", h)
	}
}

func TestBatchNamesTheTraceOfEachCall(t *testing.T) {
	t.Parallel()
	x := newHTTP(t)
	seen := make(chan seenRequest, 1)
	r := routeTo(serve(t, func(_ http.ResponseWriter, r *http.Request) { seen <- see(r) }))
	calls := batch(2)
	calls[1].Call.Traceparent = traceparent
	x.ExecuteBatch(t.Context(), r, calls)
	if body := (<-seen).body; strings.Count(body, "traceparent") != 1 || !strings.Contains(body, `"fence":8,"traceparent":"`+traceparent+`"`) {
		t.Errorf("body %s, want the trace of the second call", body)
	}
}

func TestKafkaRequestIsInTheTraceOfItsContext(t *testing.T) {
	t.Parallel()
	record, err := executor.KafkaRequest(someTrace.In(t.Context()), &route.Route{Executor: route.Executor{Type: route.Kafka, Topic: "postings"}}, request())
	if err != nil {
		t.Fatal(err)
	}
	if got := show(record); !strings.Contains(got, "\ntraceparent: "+traceparent+"\ntracestate: a=1\n") {
		t.Errorf("got %s, want the trace among the headers", got)
	}
}

// The address of a backend may have a secret in it, which is not for whoever reads traces.
func TestSpanSaysWhereTheRequestWent(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("test")
	x := newHTTP(t)
	r := routeTo(serve(t, answers(http.StatusServiceUnavailable, nil, "")))
	host := strings.TrimPrefix(r.Executor.URL, "http://")
	r.Executor.URL = "http://user:secret@" + host + "/calls?key=secret"
	ctx, span := tracer.Start(t.Context(), "execute")
	x.Execute(ctx, r, request())
	span.End()
	got := make([]string, 0)
	for _, a := range spans.GetSpans()[0].Attributes {
		got = append(got, fmt.Sprintf("%s=%s", a.Key, a.Value.String()))
	}
	address, port, _ := strings.Cut(strings.TrimSuffix(host, "/"), ":")
	for _, want := range []string{
		"http.request.method=POST", "http.response.status_code=503", "server.address=" + address, "server.port=" + port,
		"url.full=http://" + address + ":" + port + "/calls",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("attributes %v, want %s", got, want)
		}
	}
	if strings.Contains(fmt.Sprint(got), "secret") {
		t.Errorf("attributes %v have the secret", got)
	}
}
