package clickhouse

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"parley/internal/embedded/chdb"
)

// webWriter writes the answer to an HTTP request. The headers go out with the first byte.
type webWriter struct {
	srv     *Server
	w       http.ResponseWriter
	ctl     *http.ResponseController
	started bool
}

func newWebWriter(w http.ResponseWriter, s *Server) *webWriter {
	w.Header().Set("X-ClickHouse-Server-Display-Name", s.engine.host)
	w.Header().Set("X-ClickHouse-Timezone", s.engine.timezone)
	return &webWriter{srv: s, w: w, ctl: http.NewResponseController(w)}
}

// format says what the answer will be written in.
func (w *webWriter) format(name string) {
	w.w.Header().Set("Content-Type", contentType(name))
	w.w.Header().Set("X-ClickHouse-Format", name)
}

// summary tells what a statement has read and written; it must be called before the first Write.
func (w *webWriter) summary(s chdb.Stats) error {
	counts := map[string]string{}
	for name, n := range map[string]uint64{
		"read_rows": s.RowsRead, "read_bytes": s.BytesRead, "written_rows": s.RowsWritten, "written_bytes": s.BytesWritten,
	} {
		counts[name] = strconv.FormatUint(n, 10)
	}
	text, err := json.Marshal(counts)
	if err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	w.w.Header().Set("X-ClickHouse-Summary", string(text))
	return nil
}

func (w *webWriter) Write(p []byte) (int, error) {
	w.started = true
	if err := w.ctl.SetWriteDeadline(time.Now().Add(w.srv.cfg.IOTimeout)); err != nil {
		return 0, fmt.Errorf("write answer: %w", err)
	}
	n, err := w.w.Write(p)
	if err != nil {
		return n, fmt.Errorf("write answer: %w", err)
	}
	return n, nil
}

// fail answers with an exception. When rows are on their way already it follows them, and the answer is torn so that
// nobody takes it for complete.
func (w *webWriter) fail(err error) {
	e := asException(err)
	text := fmt.Sprintf("Code: %d. DB::Exception: %s (%s) (version %s)\n", e.Code, e.Message, e.Name, w.srv.engine.version)
	if !w.started {
		h := w.w.Header()
		h.Del("X-ClickHouse-Format")
		h.Set("Content-Type", "text/plain; charset=UTF-8")
		h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
		w.w.WriteHeader(httpStatus(e.Code))
	}
	_, werr := io.WriteString(w.w, text)
	if w.started || werr != nil {
		_ = w.ctl.Flush()           // the answer is torn anyway
		panic(http.ErrAbortHandler) // net/http's way to tear it
	}
}
