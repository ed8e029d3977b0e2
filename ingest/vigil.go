package ingest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"parley/internal/control"
	"parley/internal/pause"
	"parley/schemas"
)

// vigil is how a request of one call waits for its end. The zero value does not.
type vigil struct {
	preferences
	// wait is for how long; zero: not at all.
	wait time.Duration
	// promised: the call is Synchronous. Its sender wants its end, and no acknowledgment in the place of that.
	promised bool
	// query asks for the end. Its Accepted is nil until the call is in the log.
	query schemas.RequestQuery
	seats *seats // of which one is taken; nil: none is
}

// seats bound how many requests wait for ends at once.
type seats struct {
	max   int64
	taken atomic.Int64
}

// take reports whether there was one; leave gives it back.
func (s *seats) take() bool {
	if s.taken.Add(1) > s.max {
		s.leave()
		return false
	}
	return true
}

func (s *seats) leave() { s.taken.Add(-1) }

// take reports whether there was a seat; end gives it back.
func (v *vigil) take(s *seats) bool {
	if !s.take() {
		return false
	}
	v.seats = s
	return true
}

func (v *vigil) end() {
	if v.seats != nil {
		v.seats.leave()
	}
}

var errCrowded = &schemas.Problem{
	Code:   schemas.QueueUnavailable,
	Detail: "too many calls are waited for here; nothing of this request was queued, send it again later, or as Asynchronous",
}

// prepare decides how a call is waited for, before it is queued. Its problem is why the call is not to be queued.
//
// A Synchronous call is waited for until its end. Who prefers respond-async takes an acknowledgment as well, at once or
// (with wait) when the wait is over. Any other call is waited for if that is preferred, and if there is a seat.
func (s *Server) prepare(ctx context.Context, v *vigil, q *queued) *schemas.Problem {
	v.query = schemas.RequestQuery{Account: q.call.Account, ID: q.id, Content: q.content}
	v.promised = schemas.IsSynchronous(q.call)
	switch {
	case v.promised && v.preferences.wait == 0 && !v.respondAsync:
		v.wait = s.synchronousWait
	case v.promised:
		v.wait = min(v.preferences.wait, s.synchronousWait)
	default:
		v.wait = min(v.preferences.wait, s.waitMax)
	}
	switch {
	case v.wait == 0:
		return nil
	case v.take(s.seats):
	case v.promised:
		return errCrowded
	default:
		v.wait = 0
		return nil
	}
	if v.promised {
		return s.outage(ctx, q)
	}
	return nil
}

const (
	// outageTimeout bounds the question whether a route works.
	outageTimeout = 3 * time.Second
	// maintenanceRetry is after how long a call may be sent again to a route whose maintenance has no end.
	maintenanceRetry = 30 * time.Second
)

// outage says why a call would not be carried out now; nil: nothing is known against it. Where nobody carries calls out
// its sender is told so: who waits for an answer wants it now, or to know that nothing happens later.
func (s *Server) outage(ctx context.Context, q *queued) *schemas.Problem {
	r, p := s.recorder.routes.ForCall(q.call)
	if p != nil {
		return p
	}
	if m, ok := s.maintenances.Maintenance(r.Name, s.now()); ok {
		return inMaintenance(m, s.now())
	}
	ctx, cancel := context.WithTimeout(ctx, outageTimeout)
	defer cancel()
	o, err := s.poller.live.RouteOutage(ctx, schemas.RouteQuery{Partition: q.record.Partition, Route: r.Name})
	switch {
	case err != nil:
		s.poller.note(ctx, "live state", "route", err)
		return &schemas.Problem{
			Code:   schemas.OwnerUnavailable,
			Detail: "nobody carries this call out now; nothing was queued, send it again later, or as Asynchronous",
		}
	case o.Cause == schemas.OutageMaintenance:
		return inMaintenance(control.Maintenance{}, s.now())
	case o.Cause != schemas.OutageNone:
		return &schemas.Problem{
			Code:       schemas.RouteUnavailable,
			Detail:     "the backend of this call does not answer now; nothing was queued, send it again later, or as Asynchronous",
			RetryAfter: o.For,
		}
	}
	return nil
}

// inMaintenance is the problem of a route that is in maintenance.
func inMaintenance(m control.Maintenance, now time.Time) *schemas.Problem {
	rest := maintenanceRetry
	if !m.Until.IsZero() {
		rest = m.Until.Sub(now)
	}
	return &schemas.Problem{
		Code:       schemas.RouteUnavailable,
		Detail:     "the backend of this call is in maintenance; nothing was queued, send it again later, or as Asynchronous",
		RetryAfter: rest,
	}
}

// vigilEnd is how a wait ended.
type vigilEnd int

const (
	// notWaited: there was no wait, or the server stops.
	notWaited vigilEnd = iota
	// callEnded: the call has.
	callEnded
	// waitOver: the time has come, and the call goes on.
	waitOver
)

// askAgain is the time between two questions for an end, when nobody could tell or a wait was cut short.
const askAgain = 250 * time.Millisecond

// watch waits for the end of a call that is in the log. Whatever happens meanwhile, the call goes on.
func (s *Server) watch(ctx context.Context, v *vigil) (schemas.CallResource, vigilEnd) {
	q := v.query
	for late := time.Now().Add(v.wait); ctx.Err() == nil; {
		if q.Wait = time.Until(late); q.Wait <= 0 {
			return schemas.CallResource{}, waitOver
		}
		status, err := s.poller.request(ctx, q)
		if err == nil && status.Status.Final() {
			return status, callEnded
		}
		_ = pause.For(ctx, min(askAgain, time.Until(late)))
	}
	return schemas.CallResource{}, notWaited
}

// applied are the preferences that an answer was given by.
func (v *vigil) applied(how vigilEnd) string {
	var all []string
	if v.respondAsync && how != callEnded {
		all = append(all, preferRespondAsync)
	}
	if v.preferences.wait > 0 && how != notWaited {
		all = append(all, fmt.Sprintf("%s=%d", preferWait, v.wait/time.Second))
	}
	return strings.Join(all, ", ")
}

// overdue is the problem document of a Synchronous call that goes on.
type overdue struct {
	document
	RequestID string `json:"requestId"`
	Receipt   string `json:"receipt"`
	// Location is where its status is.
	Location string `json:"location"`
}

func overdueOf(a *Acknowledgment, v *vigil) overdue {
	return overdue{
		document: documentOf(&schemas.Problem{
			Code:   schemas.SynchronousTimeout,
			Detail: fmt.Sprintf("the call has not ended within %s, and goes on; ask for its status at location, and do not send it again", v.wait),
		}),
		RequestID: a.RequestID,
		Receipt:   a.Receipt,
		Location:  a.location(),
	}
}

// answerOne answers the request of one call: with its status when it was waited for and has ended.
func (s *Server) answerOne(c echo.Context, t *taken, v *vigil) error {
	if t.problem != nil {
		return t.problem
	}
	h := c.Response().Header()
	h.Set(echo.HeaderLocation, t.ack.location())
	var status schemas.CallResource
	how := notWaited
	if v.wait > 0 {
		status, how = s.watch(c.Request().Context(), v)
	}
	if applied := v.applied(how); applied != "" {
		h.Set(appliedHeader, applied)
	}
	switch {
	case how == callEnded:
		return answerWith(c, status)
	case how == waitOver && v.promised && !v.respondAsync:
		return answer(c, http.StatusGatewayTimeout, mimeProblem, overdueOf(&t.ack, v))
	}
	body, err := t.ack.append(make([]byte, 0, ackRoom))
	if err != nil {
		return err
	}
	return write(c, http.StatusAccepted, mimeJSON, body)
}
