package ingest

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
)

// eventWriter writes a stream of events (HTML, 9.2 Server-sent events).
type eventWriter struct {
	to      *echo.Response
	control *http.ResponseController
	timeout time.Duration
	wrote   time.Time
}

// begin writes the header, and how fast the client is to come again.
func (w *eventWriter) begin() error {
	// The time for the request is over when its body is read; the connection is then still looked at for its end.
	if err := w.control.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("open stream: %w", err)
	}
	h := w.to.Header()
	h.Set(echo.HeaderContentType, mimeEvents)
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderVary, echo.HeaderAccept)
	h.Set("X-Accel-Buffering", "no") // else nginx keeps events back
	w.to.WriteHeader(http.StatusOK)
	return w.write(fmt.Appendf(nil, "retry: %d\n\n", streamRetry.Milliseconds()))
}

// event writes one event, whose data is JSON; without an id the client keeps the one before.
func (w *eventWriter) event(name, id string, data any) error {
	b, err := json.Marshal(data, encodeOptions)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "event: %s\n", name)
	if id != "" {
		fmt.Fprintf(&out, "id: %s\n", id)
	}
	fmt.Fprintf(&out, "data: %s\n\n", b) // JSON has no line breaks
	return w.write(out.Bytes())
}

// beat writes a comment: a sign of life.
func (w *eventWriter) beat() error { return w.write([]byte(":\n\n")) }

// write sends bytes at once. A client that does not read them in time is left.
func (w *eventWriter) write(b []byte) error {
	if err := w.control.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
		return fmt.Errorf("bound write: %w", err)
	}
	if _, err := w.to.Write(b); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := w.control.Flush(); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	w.wrote = time.Now()
	return w.control.SetWriteDeadline(time.Time{}) // HTTP/2 ends a stream at its deadline even if nothing is written
}

// quiet is for how long nothing was written.
func (w *eventWriter) quiet() time.Duration { return time.Since(w.wrote) }
