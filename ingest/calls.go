package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/account"
	"parley/internal/telemetry"
	"parley/schemas"
)

const callsPath = "/v1/calls"

// postCalls takes one call, an array, or NDJSON. One call is waited for, if its sender wants that.
func (s *Server) postCalls(c echo.Context) error {
	who, p := s.caller(c, account.Submit)
	if p != nil {
		return p
	}
	key, p := idempotencyKey(c.Request().Header)
	if p != nil {
		return p
	}
	var v vigil
	defer v.end()
	taken, f, err := s.receive(c.Request(), sender{account: who.Account, at: s.now(), key: key, trace: telemetry.TraceOf(c.Request().Context())}, &v)
	if err != nil {
		return err
	}
	if f == oneCall {
		return s.answerOne(c, &taken[0], &v)
	}
	return s.answerMany(c, f, taken)
}

// receive reads the calls of a request and queues them. The body is let go of when it returns: a wait holds none.
func (s *Server) receive(r *http.Request, from sender, v *vigil) ([]taken, form, error) {
	l := s.budget.lease()
	defer l.release()
	body, err := readBody(r, s.requestBytesMax, l)
	if err != nil {
		return nil, 0, err
	}
	f, err := formOf(r.Header.Get(echo.HeaderContentType), body)
	if err != nil {
		return nil, 0, err
	}
	received, p := split(body, f, s.requestCallsMax)
	if p != nil {
		return nil, 0, p
	}
	if f == oneCall {
		v.preferences = preferencesOf(r.Header)
	} else {
		from.many, v = true, nil
	}
	all, err := s.take(r.Context(), from, received, v, l)
	return all, f, err
}

// taken is what became of one call: it was acknowledged, or there is a problem.
type taken struct {
	ack     Acknowledgment
	problem *schemas.Problem
}

// take queues calls and says what became of each; v is how the one call of a request is waited for, nil when there are
// several. Its error is a fault of ours, before anything was queued.
func (s *Server) take(ctx context.Context, from sender, received [][]byte, v *vigil, l *lease) ([]taken, error) {
	all := make([]taken, len(received))
	calls := make([]queued, len(received))
	records := make([]*kgo.Record, 0, len(received))
	places := make([]int, 0, len(received)) // of each record among the calls
	visit := s.admission.visit(from.account)
	visit.inform(ctx)
	for i, b := range received {
		if all[i].problem = visit.refusal(); all[i].problem != nil {
			continue
		}
		q := &calls[i]
		err := s.recorder.record(q, from, i, b)
		if p, ok := errors.AsType[*schemas.Problem](err); ok {
			all[i].problem = p
			s.logRefused(ctx, from.account, i, p)
			continue
		}
		if err != nil {
			return nil, err
		}
		if v != nil {
			if p := s.prepare(ctx, v, q); p != nil {
				all[i].problem = p
				s.logRefused(ctx, from.account, i, p)
				continue
			}
		}
		if all[i].problem = visit.admit(len(q.record.Value), len(received)-i); all[i].problem != nil {
			continue
		}
		records, places = append(records, &q.record), append(places, i)
	}
	fates := s.producer.produce(ctx, records, l)
	now := s.now()
	for n, f := range fates {
		i := places[n]
		if f.acknowledged() {
			all[i].ack = s.acknowledge(&calls[i], f, now)
			if v != nil && v.wait > 0 {
				at := f.Position
				v.query.Accepted = &at
			}
			s.logAccepted(ctx, &calls[i], f)
			continue
		}
		all[i].problem = f.problem()
	}
	s.metrics.count(all)
	if s.tracer != nil {
		describe(ctx, from.account, calls, all)
	}
	return all, nil
}

func (s *Server) logAccepted(ctx context.Context, q *queued, f fate) {
	if !s.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	s.log.LogAttrs(ctx, slog.LevelDebug, "call accepted",
		slog.String("account", q.call.Account),
		slog.String("request", q.call.RequestId),
		slog.String("conversation", q.call.GetOptions().GetConversationId()),
		slog.Int64("partition", int64(f.Partition)),
		slog.Int64("offset", f.Offset))
}

// logRefused logs which call of a request is refused, and why: not what is wrong with it, which may be its content.
func (s *Server) logRefused(ctx context.Context, account string, position int, p *schemas.Problem) {
	if !s.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	s.log.LogAttrs(ctx, slog.LevelDebug, "call refused",
		slog.String("account", account), slog.Int("position", position), slog.String("code", string(p.Code)), slog.String("pointer", p.Pointer))
}

// answerMany answers an array with one document, which counts the calls and says what became of each, and NDJSON with a
// line for each. The status is 202 when any call was accepted; else that of an unavailable queue, or of a limit, if that
// was the reason of one, so that the client comes again; else 400. Retry-After is when all that may be sent again may be.
// The answer is held in memory until its client has read it, and counts as what is in flight.
func (s *Server) answerMany(c echo.Context, f form, all []taken) error {
	accepted := 0
	status, again := http.StatusBadRequest, time.Duration(0)
	for i := range all {
		if all[i].problem == nil {
			accepted++
			continue
		}
		d := documentOf(all[i].problem)
		if after := d.retryAfter(); after > 0 {
			again, status = max(again, after), max(status, d.Status)
		}
	}
	if accepted > 0 {
		status = http.StatusAccepted
	}
	body, err := appendAnswers(make([]byte, 0, ackRoom*len(all)), f, accepted, all)
	if err != nil {
		return err
	}
	l := s.budget.lease()
	defer l.release()
	l.take(int64(cap(body)))
	if err := hurry(c, len(body)); err != nil {
		return fmt.Errorf("set deadline of answer: %w", err)
	}
	setRetryAfter(c.Response().Header(), again)
	if f == callArray {
		return write(c, status, mimeJSON, body)
	}
	return write(c, status, mimeNDJSON, body)
}

// appendAnswers appends what became of each call, in order: an acknowledgment, or a problem document.
func appendAnswers(b []byte, f form, accepted int, all []taken) (_ []byte, err error) {
	between, end := "\n", "\n"
	if f == callArray {
		b = fmt.Appendf(b, `{"accepted":%d,"rejected":%d,"calls":[`, accepted, len(all)-accepted)
		between, end = ",", "]}"
	}
	for i := range all {
		if i > 0 {
			b = append(b, between...)
		}
		if b, err = all[i].append(b); err != nil {
			return nil, err
		}
	}
	return append(b, end...), nil
}

// append appends an acknowledgment or a problem document.
func (t *taken) append(b []byte) ([]byte, error) {
	if t.problem == nil {
		return t.ack.append(b)
	}
	d, err := json.Marshal(documentOf(t.problem), encodeOptions)
	if err != nil {
		return nil, fmt.Errorf("encode problem: %w", err)
	}
	return append(b, d...), nil
}
