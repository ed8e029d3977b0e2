package telemetry

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Trace is a place in a trace, as it travels in headers (W3C Trace Context, level 1). The zero value is none.
type Trace struct {
	Traceparent string
	// Tracestate is what those who make spans keep of their own; it is nothing without a Traceparent.
	Tracestate string
}

// The headers, in HTTP and in Kafka.
const (
	headerTraceparent = "traceparent"
	headerTracestate  = "tracestate"
)

const (
	// traceparentBytesMax is beyond what a later version of the format can make use of here: its first 55 bytes count.
	traceparentBytesMax = 128
	// tracestateBytesMax is what the specification wants carried at the least (section 3.3.1.5); a call carries no more.
	tracestateBytesMax = 512
)

// ReadTrace returns the trace that two headers name. A traceparent that is none, or is too long, is no trace; a
// tracestate that is none, or is too long, is dropped: neither is a reason to refuse a call.
func ReadTrace(traceparent, tracestate string) Trace {
	if traceparent == "" {
		return Trace{}
	}
	return TraceOf(Trace{traceparent, tracestate}.in(context.Background()))
}

// FromHeader returns ctx in the trace that the headers of a request name.
func FromHeader(ctx context.Context, h http.Header) context.Context {
	parent := h["Traceparent"]
	if len(parent) != 1 {
		return ctx
	}
	return Trace{parent[0], strings.Join(h.Values(headerTracestate), ",")}.in(ctx)
}

// TraceOf returns the place of ctx: its span, or what In has put there.
func TraceOf(ctx context.Context) Trace {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return Trace{}
	}
	t := new(carrier)
	propagation.TraceContext{}.Inject(ctx, t)
	return Trace(*t)
}

// In returns ctx in the trace: a span that begins there is a child of it.
func (t Trace) In(ctx context.Context) context.Context {
	if t == (Trace{}) {
		return ctx
	}
	return t.in(ctx)
}

func (t Trace) in(ctx context.Context) context.Context {
	if len(t.Traceparent) > traceparentBytesMax {
		return ctx
	}
	c := carrier(t)
	if len(c.Tracestate) > tracestateBytesMax {
		c.Tracestate = ""
	}
	return propagation.TraceContext{}.Extract(ctx, &c)
}

// ID is the 16 bytes of the trace id; of no trace there are none.
func (t Trace) ID() []byte {
	id := trace.SpanContextFromContext(t.In(context.Background())).TraceID()
	if !id.IsValid() {
		return nil
	}
	return id[:]
}

// Link is the trace as something that a span in another one has to do with; of no trace it is not valid.
func (t Trace) Link(attributes ...attribute.KeyValue) trace.Link {
	return trace.LinkFromContext(t.In(context.Background()), attributes...)
}

// SetHeader writes the trace into the headers of a request.
func (t Trace) SetHeader(h http.Header) {
	if t.Traceparent != "" {
		h.Set(headerTraceparent, t.Traceparent)
	}
	if t.Tracestate != "" {
		h.Set(headerTracestate, t.Tracestate)
	}
}

// carrier is a Trace as OpenTelemetry reads and writes it.
type carrier Trace

// Get implements propagation.TextMapCarrier.
func (c *carrier) Get(key string) string {
	switch key {
	case headerTraceparent:
		return c.Traceparent
	case headerTracestate:
		return c.Tracestate
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (c *carrier) Set(key, value string) {
	switch key {
	case headerTraceparent:
		c.Traceparent = value
	case headerTracestate:
		c.Tracestate = value
	}
}

// Keys implements propagation.TextMapCarrier.
func (*carrier) Keys() []string { return []string{headerTraceparent, headerTracestate} }
