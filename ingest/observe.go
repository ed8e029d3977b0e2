package ingest

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// observe measures and logs every request, gives it its name and its place in a trace, and ends its span. It answers
// errors itself, so that their status is known. An answer that has begun and cannot be ended is broken off: it must not look
// like a whole one.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		span := s.enter(c)
		err := next(c)
		broken := err != nil && c.Response().Committed
		if err != nil {
			s.answerError(err, c)
		}
		took, status := time.Since(began), c.Response().Status
		s.metrics.observe(labels{c.Path(), methodLabel(c.Request().Method), status}, took)
		s.logAnswered(c, status, took)
		endSpan(span, status)
		if broken {
			panic(http.ErrAbortHandler)
		}
		return nil
	}
}

func (s *Server) logAnswered(c echo.Context, status int, took time.Duration) {
	ctx := c.Request().Context()
	if !s.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	s.log.LogAttrs(ctx, slog.LevelDebug, "request answered",
		slog.String("method", c.Request().Method),
		slog.String("path", loggedPath(c)),
		slog.Int("status", status),
		slog.Duration("took", took))
}

// loggedPath is the path of a request as it may stand in a log: whoever reads a token there could use it.
func loggedPath(c echo.Context) string {
	if path := c.Request().URL.Path; !strings.HasPrefix(path, deferredPath) {
		return path
	}
	return deferredPath
}

// methodLabel bounds the values of a label that clients choose.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch:
		return method
	}
	return "other"
}
