package topics

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/telemetry"
	"parley/schemas"
)

// TraceOf returns the trace that the first headers of their names in a record say it belongs to.
func TraceOf(r *kgo.Record) telemetry.Trace {
	var traceparent, tracestate []byte
	for _, h := range r.Headers {
		switch {
		case h.Key == schemas.HeaderTraceparent && traceparent == nil:
			traceparent = h.Value
		case h.Key == schemas.HeaderTracestate && tracestate == nil:
			tracestate = h.Value
		}
	}
	if len(traceparent) == 0 {
		return telemetry.Trace{}
	}
	return telemetry.ReadTrace(string(traceparent), string(tracestate))
}

// WithTrace adds the headers to a record that say which trace it belongs to, if it does.
func WithTrace(r *kgo.Record, t telemetry.Trace) *kgo.Record {
	if t.Traceparent == "" {
		return r
	}
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: schemas.HeaderTraceparent, Value: []byte(t.Traceparent)})
	if t.Tracestate != "" {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: schemas.HeaderTracestate, Value: []byte(t.Tracestate)})
	}
	return r
}
