package testkit

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Spans returns the spans that have ended, in the order in which they began.
func Spans(from *tracetest.InMemoryExporter) tracetest.SpanStubs {
	all := from.GetSpans()
	slices.SortFunc(all, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	return all
}

// SpanAttribute is the text of an attribute of a span; empty: it has none of that name.
func SpanAttribute(s tracetest.SpanStub, name string) string {
	for _, a := range s.Attributes {
		if a.Key == attribute.Key(name) {
			return a.Value.String()
		}
	}
	return ""
}
