package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/account"
	"parley/schemas"
)

const callsPath = "/v1/calls"

// postCalls takes one call, an array, or NDJSON.
func (s *Server) postCalls(c echo.Context) error {
	r := c.Request()
	who, p := s.caller(c, account.Submit)
	if p != nil {
		return p
	}
	key, p := idempotencyKey(r.Header)
	if p != nil {
		return p
	}
	l := s.budget.lease()
	defer l.release()
	body, err := readBody(r, s.requestBytesMax, l)
	if err != nil {
		return err
	}
	f, err := formOf(r.Header.Get(echo.HeaderContentType), body)
	if err != nil {
		return err
	}
	received, p := split(body, f, s.requestCallsMax)
	if p != nil {
		return p
	}
	taken, err := s.take(r.Context(), sender{account: who.Account, key: key}, received, l)
	if err != nil {
		return err
	}
	if f == oneCall {
		return answerOne(c, taken[0])
	}
	return answerMany(c, f, taken)
}

// taken is what became of one call: it was acknowledged, or there is a problem.
type taken struct {
	ack     Acknowledgment
	problem *schemas.Problem
}

// take queues calls and says what became of each. Its error is a fault of ours, before anything was queued.
func (s *Server) take(ctx context.Context, from sender, received [][]byte, l *lease) ([]taken, error) {
	all := make([]taken, len(received))
	calls := make([]queued, len(received))
	records := make([]*kgo.Record, 0, len(received))
	places := make([]int, 0, len(received)) // of each record among the calls
	for i, b := range received {
		q, err := s.recorder.record(from, i, b)
		if p, ok := errors.AsType[*schemas.Problem](err); ok {
			all[i].problem = p
			continue
		}
		if err != nil {
			return nil, err
		}
		calls[i] = q
		records, places = append(records, q.record), append(places, i)
	}
	for n, f := range s.producer.produce(ctx, records, l) {
		i := places[n]
		if f.acknowledged() {
			all[i].ack = s.acknowledge(calls[i], f)
			s.logAccepted(ctx, calls[i], f)
			continue
		}
		all[i].problem = f.problem()
	}
	s.metrics.count(all)
	return all, nil
}

func (s *Server) logAccepted(ctx context.Context, q queued, f fate) {
	s.log.LogAttrs(ctx, slog.LevelDebug, "call accepted",
		slog.String("account", q.call.Account),
		slog.String("request", q.call.RequestId),
		slog.String("conversation", q.call.GetOptions().GetConversationId()),
		slog.Int64("partition", int64(f.Partition)),
		slog.Int64("offset", f.Offset))
}

func answerOne(c echo.Context, t taken) error {
	if t.problem != nil {
		return t.problem
	}
	c.Response().Header().Set(echo.HeaderLocation, t.ack.location())
	return answer(c, http.StatusAccepted, mimeJSON, t.ack)
}

// acknowledgments answers an array.
type acknowledgments struct {
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	// Calls holds an Acknowledgment or a document for each call, in order.
	Calls []any `json:"calls"`
}

// answerMany answers an array with one document, and NDJSON with a line for each call. The status is 202 when any
// call was accepted; else that of an unavailable queue, or of a limit, if that was the reason of one, so that the
// client comes again; else 400. Retry-After is when all that may be sent again may be.
func answerMany(c echo.Context, f form, all []taken) error {
	a := acknowledgments{Calls: make([]any, len(all))}
	status, again := http.StatusBadRequest, time.Duration(0)
	for i, t := range all {
		if t.problem == nil {
			a.Accepted++
			a.Calls[i] = t.ack
			continue
		}
		a.Rejected++
		d := documentOf(t.problem)
		a.Calls[i] = d
		if after := d.retryAfter(); after > 0 {
			again, status = max(again, after), max(status, d.Status)
		}
	}
	if a.Accepted > 0 {
		status = http.StatusAccepted
	}
	setRetryAfter(c.Response().Header(), again)
	if f == callArray {
		return answer(c, status, mimeJSON, a)
	}
	return answerLines(c, status, a.Calls)
}

func answerLines(c echo.Context, status int, lines []any) error {
	var body bytes.Buffer
	e := jsontext.NewEncoder(&body)
	for _, l := range lines {
		if err := json.MarshalEncode(e, l, encodeOptions); err != nil {
			return fmt.Errorf("encode line: %w", err)
		}
	}
	return write(c, status, mimeNDJSON, body.Bytes())
}
