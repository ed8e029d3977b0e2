package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Config says who makes the spans, and who takes them. All fields are required.
type Config struct {
	// Exporter takes the spans; Traces shuts it down.
	Exporter sdktrace.SpanExporter
	// Version is that of the program, Instance the name of this process among others.
	Version, Instance string
	// Log is told when the collector cannot be reached, and when it can again.
	Log *slog.Logger
	// Metrics counts what has become of the spans.
	Metrics prometheus.Registerer
}

// serviceName stands where OTEL_SERVICE_NAME says nothing.
const serviceName = "parley"

// closeTimeout bounds how long Close waits for the collector.
const closeTimeout = 2 * time.Second

// Traces takes spans and sends them to a collector, in the background: what the collector does not take in time is
// dropped, and nobody waits for it. Make one with Open.
type Traces struct {
	provider *sdktrace.TracerProvider
	exporter *exporter
	once     sync.Once
	err      error
}

// NewExporter returns an exporter to the collector that the environment names, which need not be there yet. It speaks
// OTLP over HTTP: the package autoexport of OpenTelemetry's, which knows all exporters, would bring in those of metrics
// and logs as well.
func NewExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	e, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("make exporter of traces: %w", err)
	}
	return e, nil
}

// Open returns Traces; sampler, name of the service and bounds are those of the OTEL_ settings of the environment.
func Open(ctx context.Context, cfg Config) (*Traces, error) {
	// The settings of the environment stand last: they hold.
	from, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName(serviceName), semconv.ServiceVersion(cfg.Version), semconv.ServiceInstanceID(cfg.Instance)),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("describe this service: %w", err)
	}
	e, err := newExporter(cfg)
	if err != nil {
		return nil, fmt.Errorf("register metrics of traces: %w", err)
	}
	return &Traces{
		provider: sdktrace.NewTracerProvider(sdktrace.WithResource(from), sdktrace.WithBatcher(e)),
		exporter: e,
	}, nil
}

// scope names what makes the spans.
const scope = "parley"

// Tracer begins spans.
func (t *Traces) Tracer() trace.Tracer { return t.provider.Tracer(scope) }

// Close sends what is left, for two seconds at the most. It may be called more than once.
func (t *Traces) Close() error {
	t.once.Do(func() {
		late := time.AfterFunc(closeTimeout, t.exporter.giveUp)
		defer late.Stop()
		t.err = t.provider.Shutdown(context.Background())
	})
	return t.err
}
