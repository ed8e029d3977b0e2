package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector takes spans as it is told to.
type collector struct {
	export func(context.Context) error
	came   atomic.Int64
}

func (c *collector) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	c.came.Add(int64(len(spans)))
	return c.export(ctx)
}

func (*collector) Shutdown(context.Context) error { return nil }

func open(t *testing.T, to *collector, log *bytes.Buffer) (*Traces, *prometheus.Registry) {
	t.Helper()
	metrics := prometheus.NewRegistry()
	traces, err := Open(t.Context(), Config{Exporter: to, Version: "v", Instance: "i", Log: slog.New(slog.NewTextHandler(log, nil)), Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	return traces, metrics
}

// A collector that never answers holds nobody up: neither who makes spans, of which the last are dropped, nor, for more
// than two seconds, the end.
func TestSilentCollectorHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		traces, metrics := open(t, &collector{export: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}, &log)
		began := time.Now()
		for range 10_000 {
			_, span := traces.Tracer().Start(t.Context(), "span")
			span.End()
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("spans took %s", took)
		}
		if err := errors.Join(traces.Close(), traces.Close()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != closeTimeout {
			t.Errorf("closed after %s, want %s", took, closeTimeout)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings, want one: %s", n, log.String())
		}
		if n := testutil.CollectAndCount(metrics, "parley_trace_spans_total"); n != 2 {
			t.Errorf("%d counters, want sent and failed", n)
		}
	})
}

func TestCollectorIsToldOfWhenItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var away atomic.Bool
		to := &collector{export: func(context.Context) error {
			if away.Load() {
				return errors.New("connection refused")
			}
			return nil
		}}
		traces, metrics := open(t, to, &log)
		spans := func(n int) {
			for range n {
				_, span := traces.Tracer().Start(t.Context(), "span")
				span.End()
				time.Sleep(10 * time.Second) //nolint:forbidigo // the time of the bubble, in which a batch goes out
			}
		}
		spans(2)
		away.Store(true)
		spans(3)
		away.Store(false)
		spans(2)
		if err := traces.Close(); err != nil {
			t.Error(err)
		}
		if warned, told := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "taken again"); warned != 1 || told != 1 {
			t.Errorf("%d warnings, %d times again, want one each: %s", warned, told, log.String())
		}
		want := `
# HELP parley_trace_spans_total Spans that the collector has taken (sent), and that it was offered in vain (failed).
# TYPE parley_trace_spans_total counter
parley_trace_spans_total{end="failed"} 3
parley_trace_spans_total{end="sent"} 4
`
		if err := testutil.GatherAndCompare(metrics, strings.NewReader(want), "parley_trace_spans_total"); err != nil {
			t.Error(err)
		}
	})
}
