package node

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"parley/internal/topics"
)

const someTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

// collector keeps the spans of several nodes.
type collector struct {
	mu    sync.Mutex
	spans []sdktrace.ReadOnlySpan
}

func (c *collector) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans = append(c.spans, spans...)
	return nil
}

func (*collector) Shutdown(context.Context) error { return nil }

// taken returns a line for each span that is in the trace, "name below the name of its parent", sorted.
func (c *collector) taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make(map[string]string)
	for _, s := range c.spans {
		names[s.SpanContext().SpanID().String()] = s.Name()
	}
	var lines []string
	for _, s := range c.spans {
		if s.SpanContext().TraceID().String() == someTrace {
			lines = append(lines, s.Name()+" below "+names[s.Parent().SpanID().String()])
		}
	}
	slices.Sort(lines)
	return lines
}

// traced is a backend that remembers, by conversation, which traces it was asked in.
type traced struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newTraced(t *testing.T) *traced {
	t.Helper()
	b := new(traced)
	b.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.seen = append(b.seen, r.Header.Get("Traceparent"))
	}))
	t.Cleanup(b.Close)
	return b
}

// asked are the trace ids, in order.
func (b *traced) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, traceparent := range b.seen {
		out = append(out, strings.Split(traceparent+"---", "-")[1])
	}
	return out
}

// One trace tells the way of a call: the first part comes over HTTP, the second by Kafka after the processor was
// replaced by one with an empty store, and the backend that carries them out is told the trace of each.
func TestOneTraceFromTheRequestToTheBackend(t *testing.T) {
	t.Parallel()
	s, spans, backend := newSite(t), new(collector), newTraced(t)
	s.routes = filepath.Join(t.TempDir(), "traced.yaml")
	if err := os.WriteFile(s.routes, fmt.Appendf(nil, "routes: [{name: crm, executor: {type: http, url: %q}}]", backend.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	tracing := func(c *Config) { c.Spans = spans }
	front := s.start("front", takes, tracing)
	first := s.start("first", processes, tracing)
	first.owns(8)

	const parent = "00-" + someTrace + "-00f067aa0ba902b7-01"
	sent := front.once(http.MethodPost, "/v1/calls", `{"method":"Create","objects":[{"type":"Row"}],"options":{"conversationId":"order","sequenceCode":1,"callsInConversation":2}}`, "Traceparent", parent)
	if sent.code != http.StatusAccepted {
		t.Fatalf("%d %s", sent.code, sent.body)
	}
	front.want("staged", front.get(conversation("order")), 200, "Staging")
	first.stop()
	s.start("first", processes, tracing).owns(8)

	client := s.broker.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	const key = "default/order"
	if err := client.ProduceSync(t.Context(), &kgo.Record{
		Topic: s.broker.Topics.Calls, Partition: topics.Partition(key, 8), Key: []byte(key),
		Value:   []byte(`{"account":"default","method":"Create","objects":[{"type":"Row"}],"options":{"conversationId":"order","sequenceCode":2,"callsInConversation":2}}`),
		Headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte(parent)}},
	}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	front.want("complete", front.get(conversation("order")+"?wait=20s"), 200, "Complete")
	if got := backend.asked(); !slices.Equal(got, []string{someTrace, someTrace}) {
		t.Errorf("the backend was asked in %v, want %s both times", got, someTrace)
	}
	want := []string{"POST /v1/calls below ", "execute crm below ", "execute crm below POST /v1/calls"}
	s.eventually("the spans are exported", func() bool { return slices.Equal(spans.taken(), want) })
}
