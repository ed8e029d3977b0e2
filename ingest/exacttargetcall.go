package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"parley/ingest/exacttarget"
	"parley/internal/telemetry"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// partnerCall queues the call that a request asks for, as postCalls does, and waits for its end if it is Synchronous. What is wrong
// with the call is an answer, not a fault; that it cannot be taken now is a fault.
func (s *Server) partnerCall(ctx context.Context, r *partnerRequest) ([]byte, error) {
	key, p := idempotencyKey(r.http.Header)
	if p != nil {
		return nil, p
	}
	request := r.Body.Name.Local
	var call *parleyv1.Call
	from := sender{account: r.who.Account, at: s.now(), key: key, trace: telemetry.TraceOf(ctx)}
	from.decode = func([]byte) (*parleyv1.Call, *schemas.Problem) {
		var p *schemas.Problem
		call, p = exacttarget.Call(&r.Body, from.at)
		return call, p
	}
	var v vigil
	defer v.end()
	all, err := s.take(ctx, from, [][]byte{r.Text}, &v, r.lease)
	if err != nil {
		return nil, err
	}
	r.letGo()
	if p := all[0].problem; p != nil {
		return s.partnerRefusal(request, call, p)
	}
	ack := &all[0].ack
	if !v.promised {
		return exacttarget.Accepted(request, ack.RequestID, call), nil
	}
	call = nil // nor does a wait hold what was made of it
	status, how := s.watch(ctx, &v)
	switch how {
	case callEnded:
		return exacttarget.Ended(request, &status), nil
	case waitOver:
		return nil, &schemas.Problem{
			Code:   schemas.SynchronousTimeout,
			Detail: fmt.Sprintf("the call %s has not ended within %s, and goes on; do not send it again, but Retrieve its results by this RequestID", ack.RequestID, v.wait),
		}
	case notWaited:
	}
	return nil, &schemas.Problem{
		Code:   schemas.OwnerUnavailable,
		Detail: fmt.Sprintf("this server stops; the call %s goes on, do not send it again, but Retrieve its results by this RequestID", ack.RequestID),
	}
}

// partnerRefusal says why a call is not taken, which may be nil if it could not be read.
func (s *Server) partnerRefusal(request string, call *parleyv1.Call, p *schemas.Problem) ([]byte, error) {
	if status := p.Code.HTTPStatus(); status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
		return exacttarget.Refused(request, p), nil
	}
	if p.Code == schemas.RouteUnavailable {
		if r, missing := s.recorder.routes.ForCall(call); missing == nil {
			if _, ok := s.maintenances.Maintenance(r.Name, s.now()); ok {
				return nil, maintained{p}
			}
		}
	}
	return nil, p
}

// partnerDelete carries out a Delete: of what is scheduled it is a cancel, of all else a call.
func (s *Server) partnerDelete(ctx context.Context, r *partnerRequest) ([]byte, error) {
	scheduled, p := exacttarget.Scheduled(&r.Body, s.recorder.limits)
	switch {
	case p != nil:
		return exacttarget.Refused(r.Body.Name.Local, p), nil
	case len(scheduled) == 0:
		return s.partnerCall(ctx, r)
	}
	problems := make([]*schemas.Problem, len(scheduled))
	for i, id := range scheduled {
		_, err := s.cancel(ctx, schemas.ConversationQuery{Account: r.who.Account, ID: id})
		p, ok := errors.AsType[*schemas.Problem](err)
		if err != nil && (!ok || p.Code.HTTPStatus() >= http.StatusInternalServerError) {
			return nil, err // all of it can be sent again: what is cancelled is so for good
		}
		problems[i] = p
	}
	return exacttarget.Deleted(problems), nil
}
