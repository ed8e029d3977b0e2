package clickhouse

import (
	"context"
	"sync"
	"time"
)

// webSessions are the sessions that HTTP clients name with session_id. Each serves one request at a time and ends when it
// was not used for the time that its last request has given it.
type webSessions struct {
	srv *Server

	mu   sync.Mutex
	byID map[string]*webSession
}

type webSession struct {
	*session
	busy bool
	ends time.Time // while it is not busy
}

const (
	// webSessionsMax bounds the sessions that wait for their next request.
	webSessionsMax = 1000
	// sweepInterval is how often sessions are looked at that may have ended.
	sweepInterval = time.Second
)

// take returns the session of a request, for it alone until release.
func (w *webSessions) take(o webOptions) (*session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.byID[o.session]
	switch {
	case ok && s.busy:
		return nil, exceptionf(codeSessionLocked, "Session %s is locked by a concurrent client", o.session)
	case !ok && o.sessionCheck:
		return nil, exceptionf(codeSessionNotFound, "Session %s not found", o.session)
	case !ok && len(w.byID) >= webSessionsMax:
		return nil, exceptionf(codeTooManyConnections, "%d sessions are open already; use close_session=1 or a shorter session_timeout", webSessionsMax)
	case !ok:
		opened, err := w.srv.newSession()
		if err != nil {
			return nil, err
		}
		s = &webSession{session: opened}
		w.byID[o.session] = s
	}
	s.busy = true
	return s.session, nil
}

// release gives a session back.
func (w *webSessions) release(o webOptions) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.byID[o.session]
	if o.sessionClose || o.sessionTimeout == 0 {
		s.close()
		delete(w.byID, o.session)
		return
	}
	s.busy, s.ends = false, time.Now().Add(o.sessionTimeout)
}

// sweep ends sessions whose time is over, until ctx ends.
func (w *webSessions) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.end(now)
		}
	}
}

// end ends the sessions whose time is over at now.
func (w *webSessions) end(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, s := range w.byID {
		if !s.busy && !now.Before(s.ends) {
			s.close()
			delete(w.byID, id)
		}
	}
}
