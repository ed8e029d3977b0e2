package ingest

import (
	"errors"
	"log/slog"
	"net"

	"github.com/labstack/echo/v4"

	"parley/schemas"
)

// audited logs what is done that an operator may be asked about later: who did it, what, from where, and what came of
// it; also that somebody tried it who may not. Who shows no key that is good has done nothing, and is not logged.
func (s *Server) audited(action string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			if who, p := s.auth.Caller(c.Request()); p == nil {
				about, _ := c.Get(auditDetails).([]slog.Attr)
				s.log.LogAttrs(c.Request().Context(), slog.LevelInfo, "administrator acted", append([]slog.Attr{
					slog.Bool("audit", true),
					slog.String("action", action),
					slog.String("outcome", outcomeOf(err)),
					slog.String("account", who.Account),
					slog.String("key", who.Key),
					slog.String("from", remoteHost(c.Request().RemoteAddr)),
					slog.String("forwarded_for", forwardedFor(c.Request().Header.Get(echo.HeaderXForwardedFor))),
				}, about...)...)
			}
			return err
		}
	}
}

// auditDetails is the name under which a request has what else is to be said of it.
const auditDetails = "audit"

// detail adds to what is logged of an audited request.
func detail(c echo.Context, about ...slog.Attr) {
	known, _ := c.Get(auditDetails).([]slog.Attr)
	c.Set(auditDetails, append(known, about...))
}

// outcomeOf is the code of a problem, or that it was done.
func outcomeOf(err error) string {
	if err == nil {
		return "done"
	}
	if p, ok := errors.AsType[*schemas.Problem](err); ok {
		return string(p.Code)
	}
	return string(schemas.Internal)
}

func remoteHost(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// forwardedMax bounds what is logged of a header that anybody can send.
const forwardedMax = 200

// forwardedFor is what proxies say of where a request came from. Nobody vouches for it.
func forwardedFor(header string) string { return header[:min(len(header), forwardedMax)] }
