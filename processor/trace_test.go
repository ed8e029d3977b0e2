package processor_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"parley/internal/route"
	"parley/internal/telemetry"
	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// tracing has a processor make spans, and keeps them.
func tracing(spans *tracetest.InMemoryExporter, options ...sdktrace.TracerProviderOption) func(*processor.Config) {
	return func(cfg *processor.Config) {
		cfg.Tracer = sdktrace.NewTracerProvider(append(options, sdktrace.WithSyncer(spans))...).Tracer("test")
	}
}

// placed is an executor that remembers in which trace it was asked.
type placed struct {
	backend
	mu     sync.Mutex
	traces []telemetry.Trace
}

func (x *placed) Execute(ctx context.Context, r *route.Route, req executor.Request) conversation.Outcome {
	x.note(ctx)
	return x.backend.Execute(ctx, r, req)
}

func (x *placed) note(ctx context.Context) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.traces = append(x.traces, telemetry.TraceOf(ctx))
}

func (x *placed) in() []telemetry.Trace {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.traces)
}

// batching is placed, for many calls in one request.
type batching struct{ placed }

func (x *batching) ExecuteBatch(ctx context.Context, r *route.Route, requests []executor.Request) []conversation.Outcome {
	x.note(ctx)
	out := make([]conversation.Outcome, len(requests))
	for i, req := range requests {
		out[i] = x.backend.Execute(ctx, r, req)
	}
	return out
}

// traceparent is a place in the nth of many traces.
func traceparent(n int) string { return "00-" + traceID(n) + "-00f067aa0ba902b7-01" }

func traceID(n int) string { return fmt.Sprintf("4bf92f3577b34da6a3ce929d0e0e%04x", n) }

// sendIn appends a part of a conversation with the headers of a trace.
func (c *cluster) sendIn(id string, seq, of, n int) {
	c.t.Helper()
	key := "acme/" + id
	c.put(&kgo.Record{
		Partition: topics.Partition(key, partitions), Key: []byte(key), Value: []byte(part(id, seq, of)),
		Headers: []kgo.RecordHeader{{Key: schemas.HeaderTraceparent, Value: []byte(traceparent(n))}, {Key: schemas.HeaderTracestate, Value: []byte("a=1")}},
	})
}

// spansOf returns the spans of a name, in the order in which they began.
func spansOf(spans *tracetest.InMemoryExporter, name string) tracetest.SpanStubs {
	return slices.DeleteFunc(testkit.Spans(spans), func(s tracetest.SpanStub) bool { return s.Name != name })
}

// Without spans, and when nothing is sampled, what carries a call out is told the trace that its record came with.
func TestTraceOfARecordReachesTheBackend(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	for _, tt := range []struct {
		name  string
		more  []func(*processor.Config)
		flags string
		same  bool // the very place that the record names
	}{
		{name: "not traced", flags: "-01", same: true},
		{name: "traced", more: []func(*processor.Config){tracing(spans)}, flags: "-01"},
		{name: "traced, nothing is sampled", more: []func(*processor.Config){tracing(tracetest.NewInMemoryExporter(), sdktrace.WithSampler(sdktrace.NeverSample()))}, flags: "-00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := new(placed)
			p, stop := c.start(x, t.TempDir(), tt.more...)
			c.sendIn("order", 1, 1, 1)
			await(t, p, "order")
			stop()
			got := x.in()[0]
			if !strings.HasPrefix(got.Traceparent, "00-"+traceID(1)) || !strings.HasSuffix(got.Traceparent, tt.flags) || got.Tracestate != "a=1" {
				t.Errorf("the backend is in %q, want the trace %s%s", got, traceID(1), tt.flags)
			}
			if same := got.Traceparent == traceparent(1); same != tt.same {
				t.Errorf("the backend is in %q, the record in %q", got, traceparent(1))
			}
		})
	}
}

// A trace lasts as long as its call: through staging, another start and a new store.
func TestTraceOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, stop := c.start(new(placed), t.TempDir())
	c.sendIn("order", 2, 2, 2)
	if !within(20*time.Second, func() bool {
		r, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "order"})
		return err == nil && r.Received == 1
	}) {
		t.Fatal("the part is not staged")
	}
	stop()
	spans := tracetest.NewInMemoryExporter()
	x := new(placed)
	p, stop = c.start(x, t.TempDir(), tracing(spans))
	c.sendIn("order", 1, 2, 1)
	await(t, p, "order")
	stop()
	executed := spansOf(spans, "execute default")
	if len(executed) != 2 {
		t.Fatalf("%d spans, want one for each attempt", len(executed))
	}
	for i, s := range executed {
		if got, want := s.SpanContext.TraceID().String(), traceID(i+1); got != want || s.Parent.SpanID().String() != "00f067aa0ba902b7" || !s.Parent.IsRemote() {
			t.Errorf("span %d is in trace %s below %s, want %s", i, got, s.Parent.SpanID(), want)
		}
		if want := telemetry.TraceOf(trace.ContextWithSpanContext(t.Context(), s.SpanContext)); x.in()[i] != want {
			t.Errorf("the backend is in %q, want %q", x.in()[i], want)
		}
		for key, want := range map[string]string{
			"parley.account": "acme", "parley.conversation.id": "order", "parley.sequence_code": fmt.Sprint(i + 1), "parley.attempt": "1",
			"parley.route": "default", "parley.outcome": "answered", "error.type": "",
		} {
			if got := testkit.SpanAttribute(s, key); got != want {
				t.Errorf("span %d: %s is %q, want %q", i, key, got, want)
			}
		}
		if s.SpanKind != trace.SpanKindClient || s.Status.Code != codes.Unset || testkit.SpanAttribute(s, "parley.request.id") == "" || testkit.SpanAttribute(s, "parley.waited.staged_seconds") == "" {
			t.Errorf("span %d: %+v", i, s)
		}
	}
}

func TestFailureIsNotedInTheSpan(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	spans := tracetest.NewInMemoryExporter()
	x := new(placed)
	x.answer = refusing("order-1")
	p, stop := c.start(x, t.TempDir(), tracing(spans))
	c.send("acme/order", part("order", 1, 1))
	await(t, p, "order")
	stop()
	got := spansOf(spans, "execute default")
	if len(got) != 1 || got[0].Status != (sdktrace.Status{Code: codes.Error, Description: "NoSuchRow"}) || testkit.SpanAttribute(got[0], "error.type") != "NoSuchRow" || testkit.SpanAttribute(got[0], "parley.outcome") != "failed" {
		t.Errorf("spans %+v, want one that failed as NoSuchRow", got)
	}
	if got[0].Parent.IsValid() {
		t.Errorf("the span is below %s, but its call was in no trace", got[0].Parent.SpanID())
	}
}

// A request with many calls is in none of their traces, and linked to all of them that are in one.
func TestSpanOfABatchLinksItsCalls(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	spans := tracetest.NewInMemoryExporter()
	x := new(batching)
	p, stop := c.start(x, t.TempDir(), tracing(spans), by(t, "batch: {max: 3, linger: 20s}"))
	c.sendIn("a", 1, 1, 1)
	c.sendIn("b", 1, 1, 2)
	c.send("acme/c", part("c", 1, 1))
	for _, id := range []string{"a", "b", "c"} {
		await(t, p, id)
	}
	stop()
	got := spansOf(spans, "execute all")
	if len(got) != 1 || got[0].Parent.IsValid() {
		t.Fatalf("spans %+v, want one that begins a trace", got)
	}
	var linked []string
	for _, l := range got[0].Links {
		linked = append(linked, l.SpanContext.TraceID().String())
	}
	slices.Sort(linked)
	if want := []string{traceID(1), traceID(2)}; !slices.Equal(linked, want) {
		t.Errorf("linked are %v, want %v", linked, want)
	}
	if n := testkit.SpanAttribute(got[0], "messaging.batch.message_count"); n != "3" {
		t.Errorf("of %s calls, want 3", n)
	}
}

// A call that goes out by Kafka has its span, and the record its trace.
func TestTraceGoesOutByKafka(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.withTopic(nil)
	spans := tracetest.NewInMemoryExporter()
	p, stop := c.start(noBackend(t), t.TempDir(), c.byKafka(), tracing(spans))
	c.sendIn("order", 1, 1, 1)
	await(t, p, "order")
	stop()
	got := spansOf(spans, "execute ledger")
	if len(got) != 1 || got[0].SpanKind != trace.SpanKindProducer || got[0].SpanContext.TraceID().String() != traceID(1) || testkit.SpanAttribute(got[0], "messaging.destination.name") != c.requests() {
		t.Fatalf("spans %+v, want one of a producer", got)
	}
	want := telemetry.TraceOf(trace.ContextWithSpanContext(t.Context(), got[0].SpanContext))
	if r := c.read(c.requests())[0]; header(r, "traceparent") != want.Traceparent || header(r, "tracestate") != "a=1" {
		t.Errorf("the record is in %q, want %q", header(r, "traceparent"), want.Traceparent)
	}
}

// A late answer is in the trace of its call, linked to that of whoever gave it.
func TestLateAnswerIsInTheTraceOfItsCall(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	spans := tracetest.NewInMemoryExporter()
	x := new(placed)
	x.answer = deferred
	p, stop := c.start(x, t.TempDir(), tracing(spans))
	c.sendIn("order", 1, 1, 1)
	a := schemas.Answer{Token: x.await(t, 1)[0].Token, Failed: true, Code: "NoSuchRow"}
	r := c.answerRecord(a)
	token, err := signer(t).Verify(a.Token, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	r.Partition = token.Partition
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: schemas.HeaderTraceparent, Value: []byte(traceparent(2))})
	c.put(r)
	await(t, p, "order")
	stop()
	got := spansOf(spans, "answer")
	if len(got) != 1 || got[0].SpanContext.TraceID().String() != traceID(1) || got[0].Status.Description != "NoSuchRow" {
		t.Fatalf("spans %+v, want one in the trace %s that failed", got, traceID(1))
	}
	// An answer that comes before its call waits for it is kept without its trace.
	for _, l := range got[0].Links {
		if l.SpanContext.TraceID().String() != traceID(2) {
			t.Errorf("linked is %s, want %s", l.SpanContext.TraceID(), traceID(2))
		}
	}
}
