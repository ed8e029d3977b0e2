package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporter passes spans on to a collector and takes note of what became of them. A collector that is away is told of
// once, not with every batch: the SDK's own way is to write each error to standard error.
type exporter struct {
	to     sdktrace.SpanExporter
	log    *slog.Logger
	sent   prometheus.Counter
	failed prometheus.Counter
	// away is set while the last batch was not taken.
	away atomic.Bool
	// over ends with giveUp.
	over   context.Context //nolint:containedctx // it is the end of all exports, which the SDK begins with a context of its own
	giveUp context.CancelFunc
}

func newExporter(cfg Config) (*exporter, error) {
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_trace_spans_total",
		Help: "Spans that the collector has taken (sent), and that it was offered in vain (failed).",
	}, []string{"end"})
	if err := cfg.Metrics.Register(spans); err != nil {
		return nil, err
	}
	e := &exporter{to: cfg.Exporter, log: cfg.Log, sent: spans.WithLabelValues("sent"), failed: spans.WithLabelValues("failed")}
	e.over, e.giveUp = context.WithCancel(context.Background())
	return e, nil
}

// ExportSpans implements sdktrace.SpanExporter. It returns no error: nobody could do more about it.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.over, cancel)()
	if err := e.to.ExportSpans(ctx, spans); err != nil {
		e.failed.Add(float64(len(spans)))
		if !e.away.Swap(true) {
			e.log.Warn("traces are not taken; calls go on without them; check OTEL_EXPORTER_OTLP_ENDPOINT", slog.Any("error", err))
		}
		return nil
	}
	e.sent.Add(float64(len(spans)))
	if e.away.Swap(false) {
		e.log.Info("traces are taken again")
	}
	return nil
}

// Shutdown implements sdktrace.SpanExporter.
func (e *exporter) Shutdown(ctx context.Context) error {
	e.giveUp()
	return e.to.Shutdown(ctx)
}
