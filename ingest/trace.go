package ingest

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"parley/internal/telemetry"
)

// enter names a request, repeats the name to the client, and finds the request's place in a trace. It returns the
// request's span; nil: none is made.
func (s *Server) enter(c echo.Context) (span trace.Span) {
	r := c.Request()
	name := telemetry.RequestName(r.Header.Get(telemetry.HeaderRequest))
	c.Response().Header().Set(telemetry.HeaderRequest, name)
	ctx := telemetry.FromHeader(telemetry.WithRequest(r.Context(), name), r.Header)
	if s.tracer != nil && traced(c.Path()) {
		ctx, span = s.tracer.Start(ctx, methodLabel(r.Method)+" "+c.Path(), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(requestAttributes(c)...))
	}
	c.SetRequest(r.WithContext(ctx))
	return span
}

// traced reports whether the requests of a path, as it is registered, have spans: what is asked all the time, by
// machines and about nothing in particular, has none.
func traced(path string) bool { return strings.Count(path, "/") > 1 }

// requestAttributes are those of the semantic conventions for HTTP servers.
func requestAttributes(c echo.Context) []attribute.KeyValue {
	r := c.Request()
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(methodLabel(r.Method)),
		semconv.HTTPRoute(c.Path()),
		semconv.URLScheme(scheme),
		semconv.URLPath(loggedPath(c)),
		semconv.NetworkProtocolVersion(strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor)),
	}
}

// endSpan ends the span of a request. What a client did wrong is no error of the server.
func endSpan(span trace.Span, status int) {
	if span == nil {
		return
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if status >= http.StatusInternalServerError {
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// describe says in the span of a request which calls it brought: which one, or how many.
func describe(ctx context.Context, account string, calls []queued, all []taken) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(telemetry.Account(account))
	if len(calls) == 1 && calls[0].call != nil {
		call := calls[0].call
		span.SetAttributes(telemetry.Request(call.RequestId), telemetry.Conversation(call.GetOptions().GetConversationId()))
		return
	}
	accepted := 0
	for _, t := range all {
		if t.problem == nil {
			accepted++
		}
	}
	span.SetAttributes(attribute.Int("parley.calls.accepted", accepted), attribute.Int("parley.calls.refused", len(all)-accepted))
}
