package ingest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// Dependency is something that the process relies on, and how it is.
type Dependency struct {
	// Name is one word, as kafka.
	Name string
	// Err is why it cannot be used; nil: it can.
	Err error
	// Optional says that calls can be accepted without it.
	Optional bool
}

// ReadyFunc asks after all dependencies, until ctx ends.
type ReadyFunc func(ctx context.Context) []Dependency

const readyTimeout = 2 * time.Second

func healthz(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

// readyz answers a line per dependency: 200 when calls can be accepted, else 503.
func (s *Server) readyz(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTimeout)
	defer cancel()
	status := http.StatusOK
	var b strings.Builder
	for _, d := range s.ready(ctx) {
		switch {
		case d.Err == nil:
			fmt.Fprintf(&b, "%s: ok\n", d.Name)
		case d.Optional:
			fmt.Fprintf(&b, "%s: %s (calls are accepted without it)\n", d.Name, oneLine(d.Err))
		default:
			status = http.StatusServiceUnavailable
			fmt.Fprintf(&b, "%s: %s\n", d.Name, oneLine(d.Err))
		}
	}
	return c.String(status, b.String())
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
