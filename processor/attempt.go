package processor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/internal/token"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// BatchExecutor is an Executor that makes an attempt at many calls in one request. It returns an outcome for each, in
// their order.
type BatchExecutor interface {
	Executor
	ExecuteBatch(context.Context, *route.Route, []executor.Request) []conversation.Outcome
}

// verdict is what a request tells of its route.
type verdict struct {
	kind verdictKind
	// at is when the request was over.
	at time.Time
	// after is how long the backend asks to be left alone.
	after time.Duration
}

type verdictKind int

const (
	// verdictNone: nothing went out, or it was our end.
	verdictNone verdictKind = iota
	verdictWell
	verdictTransient
	// verdictToWrite: the request is a record that the loop is to write. Its place is held until the loop has it.
	verdictToWrite
)

// carryOut makes a request, and leaves what came of it in the mailbox.
func (d *dispatcher) carryOut(l *line, q request) verdict {
	if d.batchMax(q.route) > 1 {
		return d.carryOutBatch(l, q)
	}
	one := [...]finished{{work: q.work, route: q.route, startedAt: time.Now()}}
	f := &one[0]
	var ok bool
	if f.call, ok = d.payload(q.work); !ok {
		return verdict{at: f.startedAt}
	}
	f.id = requestID(f.call)
	if executor.Withheld(f.call) {
		return d.withhold(*f)
	}
	if d.tooLate(q.work, f.startedAt) {
		f.outcome = conversation.Outcome{Kind: conversation.Transient, Unsent: true, Code: schemas.CallFailed, Message: "the attempt could not begin in time"}
		f.at = f.startedAt
		d.deliver(*f)
		return verdict{at: f.at}
	}
	ctx, span := d.beginSpan(q.route, one[:])
	if q.route.Executor.Type == route.Kafka {
		f.record, f.outcome = d.byKafka(ctx, q.route, q.work, f.call)
	} else {
		f.outcome = d.cfg.Executor.Execute(ctx, q.route, d.requestOf(q.route, q.work, f.call))
	}
	f.at = time.Now()
	endSpan(span, one[:])
	d.logAttempt(ctx, f)
	return d.tell(l, *f)
}

// withhold ends an attempt of which nothing goes out.
func (d *dispatcher) withhold(f finished) verdict {
	f.at, f.outcome = f.startedAt, conversation.Outcome{Kind: conversation.Withheld}
	d.deliver(f)
	return verdict{at: f.at}
}

func (d *dispatcher) carryOutBatch(l *line, q request) verdict {
	all := make([]finished, 0, 1+len(q.more))
	requests := make([]executor.Request, 0, 1+len(q.more))
	now := time.Now()
	for _, w := range append([]*work{q.work}, q.more...) {
		call, ok := d.payload(w)
		if !ok {
			continue
		}
		f := finished{work: w, route: q.route, startedAt: now, call: call, id: requestID(call)}
		if executor.Withheld(call) {
			d.withhold(f)
			continue
		}
		all = append(all, f)
		requests = append(requests, d.requestOf(q.route, w, call))
	}
	if len(all) == 0 {
		return verdict{at: now}
	}
	ctx, span := d.beginSpan(q.route, all)
	outcomes := d.batches.ExecuteBatch(ctx, q.route, requests)
	now = time.Now()
	for i := range all {
		all[i].at, all[i].outcome = now, outcomes[i]
	}
	endSpan(span, all)
	var v verdict
	for _, f := range all {
		d.logAttempt(ctx, &f)
		if said := d.tell(l, f); v.kind != verdictWell {
			v = said // one that was answered shows that the route works
		}
	}
	return v
}

// batchMax is how many calls of a route may go out in one request.
func (d *dispatcher) batchMax(r *route.Route) int {
	if d.batches == nil {
		return 1
	}
	return r.Batch.Max
}

// byKafka makes the record that carries a call out when the loop has written it, and the outcome that stands then.
func (d *dispatcher) byKafka(ctx context.Context, r *route.Route, w *work, call *parleyv1.Call) (*kgo.Record, conversation.Outcome) {
	record, err := executor.KafkaRequest(ctx, r, d.requestOf(r, w, call))
	switch {
	case err != nil:
		d.cfg.Log.LogAttrs(ctx, slog.LevelError, "a call cannot be written to Kafka: a defect of parley; the call fails", about(w.partition, w.key, slog.Any("error", err))...)
		return nil, conversation.Outcome{Kind: conversation.Failed, Code: schemas.Internal, Message: "the call cannot be written to Kafka"}
	case r.Executor.ReplyTopic != "":
		return record, conversation.Outcome{Kind: conversation.Deferred}
	}
	return record, executor.Outcome(&schemas.Answer{}, call)
}

// payload returns the call of an attempt. false: it does not go out; if somebody is to know, the mailbox has why.
func (d *dispatcher) payload(w *work) (*parleyv1.Call, bool) {
	if w.tenure.over.Load() && w.lostAt.IsZero() {
		return nil, false
	}
	call, err := w.load(d.store)
	if err != nil {
		d.refuse(w, nil, err)
		return nil, false
	}
	return call, true
}

// tooLate reports whether an attempt that must not be repeated must not begin either: its place was had long ago, or
// the partition may be another's by now.
func (d *dispatcher) tooLate(w *work, now time.Time) bool {
	if w.lostAt.IsZero() {
		return false
	}
	return now.After(w.lostAt.Add(-w.by.Executor.Timeout)) || w.tenure.over.Load() || !d.leased(now)
}

func (d *dispatcher) requestOf(r *route.Route, w *work, call *parleyv1.Call) executor.Request {
	req := executor.Request{Call: call, Attempt: w.attempt.Attempt, Fence: w.tenure.fence}
	if d.cfg.Tokens != nil {
		req.Token = d.cfg.Tokens.Sign(token.Token{Partition: w.partition, RequestID: requestID(call), Expires: time.Now().Add(r.DeferTimeout)})
	}
	return req
}

// tell counts an outcome and delivers it.
func (d *dispatcher) tell(l *line, f finished) verdict {
	l.counts.tell(&f)
	delivered := d.deliver(f)
	switch {
	case f.record != nil && delivered:
		return verdict{kind: verdictToWrite, at: f.at}
	case f.record != nil, d.ctx.Err() != nil:
		return verdict{at: f.at}
	case f.outcome.Kind == conversation.Transient:
		return verdict{kind: verdictTransient, at: f.at, after: f.outcome.RetryAfter}
	}
	return verdict{kind: verdictWell, at: f.at}
}

// leftBytesMax bounds a payload that is left in the mailbox. What is longer the loop reads again: while a commit takes its
// time, all that is admitted may come to its end.
const leftBytesMax = 16 << 10

// deliver leaves word of an attempt for the loop, or, if its partition is not ours any more, for whoever has it now.
func (d *dispatcher) deliver(f finished) bool {
	if f.work.tenure.over.Load() {
		d.strand(f)
		return false
	}
	if proto.Size(f.call) > leftBytesMax {
		f.call = nil
	}
	d.mailbox.put(f)
	return true
}

// strand gives an outcome to Lost, unless it does not stand by itself.
func (d *dispatcher) strand(f finished) {
	if d.lost != nil && f.kind == attemptEnded && f.record == nil && f.route != nil {
		d.lost(f)
	}
}

// reroute puts an attempt whose route is gone in the line of the route that takes it now.
func (d *dispatcher) reroute(w *work) {
	call, err := w.load(d.store)
	if err == nil {
		r, problem := d.cfg.Routes.ForCall(call)
		if problem == nil {
			d.lines.of(r.Name, d).join(w)
			return
		}
		err = problem
	}
	if w.moves(waiting, begun) {
		d.refuse(w, call, err)
	}
}

// refuse ends an attempt that cannot begin: its route was taken away, or its payload cannot be read.
func (d *dispatcher) refuse(w *work, call *parleyv1.Call, err error) {
	if w.tenure.over.Load() {
		return // what another owner has ended is not here any more
	}
	now := time.Now()
	o := conversation.Outcome{Kind: conversation.Failed, Code: schemas.Internal, Message: "the call cannot be read from the state"}
	if p, ok := errors.AsType[*schemas.Problem](err); ok {
		o.Code, o.Message = p.Code, p.Detail
	} else {
		d.cfg.Log.LogAttrs(d.ctx, slog.LevelError, "a call cannot be read from the state; the call fails", about(w.partition, w.key, slog.Any("error", err))...)
	}
	d.mailbox.put(finished{work: w, call: call, startedAt: now, at: now, outcome: o})
}
