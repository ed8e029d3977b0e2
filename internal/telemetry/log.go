package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// Keys of the attributes that NewHandler adds.
const (
	keyRequest = "http_request"
	keyTrace   = "trace_id"
	keySpan    = "span_id"
)

// handler adds to each record what its context says.
type handler struct{ slog.Handler }

// NewHandler returns a handler that adds to what to is given: http_request, the name of the HTTP request that the line
// is about, and trace_id and span_id when it belongs to a trace. Lines that are logged without a context have none.
func NewHandler(to slog.Handler) slog.Handler { return handler{to} }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if name, ok := requestOf(ctx); ok {
		r.AddAttrs(slog.String(keyRequest, name))
	}
	if place := trace.SpanContextFromContext(ctx); place.IsValid() {
		r.AddAttrs(slog.String(keyTrace, place.TraceID().String()), slog.String(keySpan, place.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
