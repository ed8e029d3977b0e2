package ingest

import (
	"context"

	"parley/ingest/exacttarget"
	"parley/internal/route"
	"parley/schemas"
)

// partnerDescribe tells which members the objects of the partner API have.
func (*Server) partnerDescribe(_ context.Context, r *partnerRequest) ([]byte, error) {
	return exacttarget.Describe(&r.Body)
}

// partnerVersion tells which program answers.
func (s *Server) partnerVersion(_ context.Context, r *partnerRequest) ([]byte, error) {
	return s.version.Answer(&r.Body), nil
}

// partnerStatus tells how the routes do that take calls of the account, as the owner of the first partition knows it: each process has a
// circuit of its own, and learns by itself that a backend is away. If it does not answer, nobody carries its calls out.
func (s *Server) partnerStatus(ctx context.Context, r *partnerRequest) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, outageTimeout)
	defer cancel()
	var status exacttarget.SystemStatus
	for _, each := range s.recorder.routes.Table().Routes() {
		if of := each.Match.Account; of != route.All && of != r.who.Account {
			continue
		}
		if _, ok := s.maintenances.Maintenance(each.Name, s.now()); ok {
			status.InMaintenance++
			continue
		}
		o, err := s.poller.live.RouteOutage(ctx, schemas.RouteQuery{Route: each.Name})
		switch {
		case err != nil:
			s.poller.note(ctx, "live state", "route", err)
			status.Unplanned++
		case o.Cause == schemas.OutageMaintenance:
			status.InMaintenance++
		case o.Cause != schemas.OutageNone:
			status.Unplanned++
		}
	}
	return status.Answer(), nil
}

// partnerExtract tells where the files are fetched that a request asks for: they are extracts, with the credentials of whoever asks.
func (s *Server) partnerExtract(_ context.Context, r *partnerRequest) ([]byte, error) {
	all, p := exacttarget.ReadExtracts(&r.Body)
	if p != nil {
		return nil, p
	}
	for i := range all {
		if x := &all[i]; x.Problem == nil {
			_, x.Problem = extractQuery(x.Query, s.recorder.log.Partitions)
		}
	}
	return exacttarget.ExtractsAnswer(all, r.origin+extractsPath), nil
}
