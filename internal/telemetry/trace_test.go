package telemetry

import (
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestReadTrace(t *testing.T) {
	t.Parallel()
	long := "a=" + strings.Repeat("x", 256)
	for _, c := range []struct {
		name, traceparent, tracestate string
		want                          Trace
	}{
		{name: "none"},
		{name: "only a state", tracestate: "a=1"},
		{name: "sampled", traceparent: parent, want: Trace{Traceparent: parent}},
		{name: "not sampled", traceparent: parent[:53] + "00", want: Trace{Traceparent: parent[:53] + "00"}},
		{name: "with a state", traceparent: parent, tracestate: "a=1,b=2", want: Trace{parent, "a=1,b=2"}},
		{name: "a state that is none", traceparent: parent, tracestate: "a=1,,=", want: Trace{Traceparent: parent}},
		{name: "the longest state", traceparent: parent, tracestate: "b=" + strings.Repeat("x", 251) + "," + long, want: Trace{parent, "b=" + strings.Repeat("x", 251) + "," + long}},
		{name: "a state that is too long", traceparent: parent, tracestate: "b=" + strings.Repeat("x", 252) + "," + long, want: Trace{Traceparent: parent}},
		{name: "a later version, with more", traceparent: "cc" + parent[2:] + "-what-the-future-will-be-like", want: Trace{Traceparent: parent}},
		{name: "a later version, too long", traceparent: "cc" + parent[2:] + "-" + strings.Repeat("x", 128)},
		{name: "version ff", traceparent: "ff" + parent[2:]},
		{name: "upper case", traceparent: strings.ToUpper(parent)},
		{name: "no trace id", traceparent: "00-" + strings.Repeat("0", 32) + parent[35:]},
		{name: "no span id", traceparent: parent[:36] + strings.Repeat("0", 16) + parent[52:]},
		{name: "more of version 00", traceparent: parent + "-00"},
		{name: "cut off", traceparent: parent[:54]},
		{name: "something else", traceparent: "t"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := ReadTrace(c.traceparent, c.tracestate); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFromHeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		header http.Header
		want   Trace
	}{
		{name: "none", header: http.Header{}},
		{name: "one", header: http.Header{"Traceparent": {parent}}, want: Trace{Traceparent: parent}},
		{name: "two", header: http.Header{"Traceparent": {parent, parent}}},
		{name: "states on several lines", header: http.Header{"Traceparent": {parent}, "Tracestate": {"a=1", "b=2"}}, want: Trace{parent, "a=1,b=2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx := FromHeader(t.Context(), c.header)
			if got := TraceOf(ctx); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			out := make(http.Header)
			TraceOf(ctx).SetHeader(out)
			if got := TraceOf(FromHeader(t.Context(), out)); got != c.want {
				t.Errorf("sent on: %q, want %q", got, c.want)
			}
		})
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	if l := (Trace{}).Link(); l.SpanContext.IsValid() {
		t.Errorf("no trace is linked to %v", l.SpanContext)
	}
	want, err := trace.TraceIDFromHex(parent[3:35])
	if err != nil {
		t.Fatal(err)
	}
	if got := (Trace{Traceparent: parent}).Link().SpanContext.TraceID(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzReadTrace(f *testing.F) {
	f.Add(parent, "a=1")
	f.Add("cc"+parent[2:]+"-x", "")
	f.Fuzz(func(t *testing.T, traceparent, tracestate string) {
		got := ReadTrace(traceparent, tracestate)
		if len(got.Traceparent) > 55 || len(got.Tracestate) > tracestateBytesMax {
			t.Errorf("%d and %d bytes", len(got.Traceparent), len(got.Tracestate))
		}
		if got.Traceparent == "" && got.Tracestate != "" {
			t.Errorf("a state without a trace: %q", got.Tracestate)
		}
		if again := ReadTrace(got.Traceparent, got.Tracestate); again != got {
			t.Errorf("%q, and read again %q", got, again)
		}
	})
}

// What has no trace costs nothing to carry on.
func TestNoTraceAllocatesNothing(t *testing.T) {
	h, out, ctx := http.Header{"Accept": {"*/*"}}, make(http.Header), t.Context()
	if n := testing.AllocsPerRun(100, func() {
		of := TraceOf(FromHeader(ctx, h))
		of.SetHeader(out)
		if of.In(ctx) != ctx || ReadTrace("", "") != of {
			t.Error("a trace out of nothing")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
