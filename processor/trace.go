package processor

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"parley/internal/route"
	"parley/internal/telemetry"
	"parley/internal/topics"
	"parley/processor/conversation"
	parleyv1 "parley/schemas/parley/v1"
)

// An attempt has a span, which is a child in the trace of its call, however long ago that began: one trace tells the
// whole way of a call, and attributes say how long it waited. A request with many calls belongs to none of their traces
// alone; its span links to all of them. A late answer has a span in the trace of its call, too, linked to that of whoever
// gave it. Without a tracer requests carry on the trace of their call as it is.

// traceOf is the trace that a call belongs to.
func traceOf(call *parleyv1.Call) telemetry.Trace {
	return telemetry.Trace{Traceparent: call.Traceparent, Tracestate: call.Tracestate}
}

// beginSpan returns the context of a request, and its span; nil: none is made. All go by the route, and there is one at
// the least.
func (d *dispatcher) beginSpan(r *route.Route, all []finished) (context.Context, trace.Span) {
	ctx := d.ctx
	if len(all) == 1 {
		ctx = traceOf(all[0].call).In(ctx)
	}
	if d.cfg.Tracer == nil {
		return ctx, nil
	}
	options := []trace.SpanStartOption{trace.WithTimestamp(all[0].startedAt), trace.WithAttributes(attribute.String("parley.route", r.Name))}
	if len(all) == 1 {
		options = append(options, trace.WithAttributes(attemptAttributes(&all[0])...))
	} else {
		options = append(options, trace.WithAttributes(semconv.MessagingBatchMessageCount(len(all))), trace.WithLinks(linksOf(all)...))
	}
	if r.Executor.Type == route.Kafka {
		options = append(options, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
			semconv.MessagingSystemKafka, semconv.MessagingOperationTypeSend, semconv.MessagingOperationName("send"),
			semconv.MessagingDestinationName(r.Executor.Topic)))
	} else {
		options = append(options, trace.WithSpanKind(trace.SpanKindClient))
	}
	return d.cfg.Tracer.Start(ctx, "execute "+r.Name, options...)
}

func attemptAttributes(f *finished) []attribute.KeyValue {
	w := f.work
	return []attribute.KeyValue{
		telemetry.Account(f.call.Account),
		telemetry.Request(f.call.RequestId),
		telemetry.Conversation(f.call.GetOptions().GetConversationId()),
		attribute.Int("parley.sequence_code", int(w.attempt.SequenceCode)),
		attribute.Int("parley.attempt", int(w.attempt.Attempt)),
		attribute.Int("parley.partition", int(w.partition)),
		attribute.Float64("parley.waited.staged_seconds", seconds(w.acceptedAt, w.readyAt)),
		attribute.Float64("parley.waited.queued_seconds", seconds(w.readyAt, f.startedAt)),
	}
}

// seconds is the time between two instants; 0 when it is not known, or clocks differ.
func seconds(from, to time.Time) float64 {
	if from.IsZero() || to.IsZero() {
		return 0
	}
	return max(0, to.Sub(from).Seconds())
}

func linksOf(all []finished) []trace.Link {
	links := make([]trace.Link, 0, len(all))
	for i := range all {
		if l := traceOf(all[i].call).Link(telemetry.Request(all[i].call.RequestId)); l.SpanContext.IsValid() {
			links = append(links, l)
		}
	}
	return links
}

// endSpan ends the span of a request with what came of its calls.
func endSpan(span trace.Span, all []finished) {
	if span == nil {
		return
	}
	if len(all) == 1 {
		span.SetAttributes(attribute.String("parley.outcome", kindNames[all[0].outcome.Kind]))
	}
	for i := range all {
		if failSpan(span, all[i].outcome) {
			break
		}
	}
	span.End(trace.WithTimestamp(all[0].at))
}

// failSpan notes an outcome that is a failure, by its code: what the backend says of it may be anybody's data. false: it
// is none.
func failSpan(span trace.Span, o conversation.Outcome) bool {
	if o.Code == "" {
		return false
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(string(o.Code)))
	span.SetStatus(codes.Error, string(o.Code))
	return true
}

// lateAnswer is a late answer that a turn has taken.
type lateAnswer struct {
	call    *parleyv1.Call
	given   telemetry.Trace // of whoever gave it
	at      time.Time       // when it was appended
	outcome conversation.Outcome
}

// noteAnswer keeps what the span of a late answer is made of until the turn is committed. in is nil when the answer came
// before its call waited for it.
func (t *turn) noteAnswer(in *received, call *parleyv1.Call, o conversation.Outcome) {
	if t.cfg.Tracer == nil {
		return
	}
	a := lateAnswer{call: call, at: t.now, outcome: o}
	if in != nil {
		a.at, a.given = in.at, topics.TraceOf(in.record)
	}
	t.answers = append(t.answers, a)
}

// traceAnswers makes the spans of the late answers that a committed turn has taken.
func (t *turn) traceAnswers() {
	for _, a := range t.answers {
		options := []trace.SpanStartOption{
			trace.WithTimestamp(a.at),
			trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(
				telemetry.Account(a.call.Account), telemetry.Request(a.call.RequestId), telemetry.Conversation(a.call.GetOptions().GetConversationId()),
				semconv.MessagingSystemKafka, semconv.MessagingOperationTypeProcess, semconv.MessagingOperationName("process"),
				semconv.MessagingDestinationName(t.cfg.Topics.Calls)),
		}
		if l := a.given.Link(); l.SpanContext.IsValid() {
			options = append(options, trace.WithLinks(l))
		}
		_, span := t.cfg.Tracer.Start(traceOf(a.call).In(context.Background()), "answer", options...)
		failSpan(span, a.outcome)
		span.End()
	}
}
