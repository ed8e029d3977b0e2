package clickhouse

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"

	"parley/internal/embedded/chdb"
)

// webWriter writes the answer to an HTTP request, on its way through what the client has asked for:
//
//	Write → held back → frames (compress=1) → content encoding → response
//
// The headers go out with the first bytes that are held back no longer. Who makes one calls finish, or fail.
type webWriter struct {
	srv   *Server
	w     http.ResponseWriter
	ctl   *http.ResponseController
	begun time.Time
	stats chdb.Stats
	tag   string // by which a client knows an exception behind rows

	held      *holdBuffer
	frame     bool
	encoding  string
	zlibLevel int

	started bool
	steps   []io.WriteCloser // the last one leads to the response
	top     io.Writer
}

func newWebWriter(w http.ResponseWriter, s *Server) *webWriter {
	h := w.Header()
	h.Set("X-ClickHouse-Server-Display-Name", s.engine.host)
	h.Set("X-ClickHouse-Timezone", s.engine.timezone)
	tag := strings.ToLower(rand.Text()[:16])
	h.Set("X-ClickHouse-Exception-Tag", tag)
	h.Set("Access-Control-Expose-Headers", "X-ClickHouse-Query-Id,X-ClickHouse-Summary,X-ClickHouse-Server-Display-Name,X-ClickHouse-Format,X-ClickHouse-Timezone,X-ClickHouse-Exception-Code,X-ClickHouse-Exception-Tag")
	return &webWriter{srv: s, w: w, ctl: http.NewResponseController(w), begun: time.Now(), tag: tag, held: &holdBuffer{max: bufferBytesMin}}
}

// configure says how the client wants the answer.
func (w *webWriter) configure(o webOptions, accept string) {
	w.held.max, w.held.dir = o.bufferBytes, ""
	if o.wait {
		w.held.dir = w.srv.dir
	}
	w.frame, w.zlibLevel = o.frame, o.zlibLevel
	if o.compress {
		w.encoding = chooseEncoding(accept)
	}
	w.w.Header().Set("X-ClickHouse-Query-Id", o.queryID)
}

// format says what the answer will be written in.
func (w *webWriter) format(name string) {
	w.w.Header().Set("Content-Type", contentType(name))
	w.w.Header().Set("X-ClickHouse-Format", name)
}

// count adds to what the statement has read and written. Clients see what was counted before the answer began.
func (w *webWriter) count(s chdb.Stats) {
	w.stats.RowsRead += s.RowsRead
	w.stats.BytesRead += s.BytesRead
	w.stats.RowsWritten += s.RowsWritten
	w.stats.BytesWritten += s.BytesWritten
}

// summary is the header X-ClickHouse-Summary, whose numbers are strings.
func (w *webWriter) summary() (string, error) {
	counts := map[string]string{"elapsed_ns": strconv.FormatInt(time.Since(w.begun).Nanoseconds(), 10)}
	for name, n := range map[string]uint64{
		"read_rows": w.stats.RowsRead, "read_bytes": w.stats.BytesRead, "written_rows": w.stats.RowsWritten, "written_bytes": w.stats.BytesWritten,
		"total_rows_to_read": 0, "result_rows": 0, "result_bytes": 0,
	} {
		counts[name] = strconv.FormatUint(n, 10)
	}
	text, err := json.Marshal(counts)
	if err != nil {
		return "", fmt.Errorf("write summary: %w", err)
	}
	return string(text), nil
}

// Write takes a piece of the answer.
func (w *webWriter) Write(p []byte) (int, error) {
	if !w.started {
		kept, err := w.held.keep(p)
		if kept || err != nil {
			return len(p), err
		}
		if err := w.start(); err != nil {
			return 0, err
		}
	}
	if _, err := w.top.Write(p); err != nil {
		return 0, fmt.Errorf("write answer: %w", err)
	}
	return len(p), nil
}

// start sends the headers and what was held back.
func (w *webWriter) start() error {
	summary, err := w.summary()
	if err != nil {
		return err
	}
	w.w.Header().Set("X-ClickHouse-Summary", summary)
	w.started = true
	w.top = &timedWriter{w: w.w, ctl: w.ctl, timeout: w.srv.cfg.IOTimeout}
	if w.encoding != "" && !w.held.empty() {
		w.w.Header().Set("Content-Encoding", w.encoding)
		e, err := encoder(w.top, w.encoding, w.zlibLevel)
		if err != nil {
			return fmt.Errorf("encode answer: %w", err)
		}
		w.top, w.steps = e, append(w.steps, e)
	}
	if w.frame {
		f := &frameWriter{w: w.top, compress: compress.NewWriter(compress.LevelZero, compress.LZ4)}
		w.top, w.steps = f, append(w.steps, f)
	}
	if err := w.held.release(w.top); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// finish sends what is left.
func (w *webWriter) finish() error {
	if !w.started {
		if err := w.start(); err != nil {
			return err
		}
	}
	return w.close()
}

// close ends frames and encoding.
func (w *webWriter) close() error {
	var errs []error
	for _, step := range slices.Backward(w.steps) {
		errs = append(errs, step.Close())
	}
	w.steps = nil
	return errors.Join(errs...)
}

// fail answers with an exception. When rows are on their way already it follows them as servers write it from 25.11 on,
// and the answer is torn so that nobody takes it for complete.
func (w *webWriter) fail(err error) {
	e := asException(err)
	text := fmt.Sprintf("Code: %d. DB::Exception: %s (%s) (version %s)", e.Code, e.Message, e.Name, w.srv.engine.version)
	if !w.started {
		dropped := w.held.drop()
		h := w.w.Header()
		h.Del("X-ClickHouse-Format")
		h.Set("Content-Type", "text/plain; charset=UTF-8")
		h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
		w.w.WriteHeader(httpStatus(e.Code))
		if _, err := io.WriteString(w.w, text+"\n"); err == nil && dropped == nil {
			return
		}
		panic(http.ErrAbortHandler) // net/http's way to tear an answer
	}
	// the answer is torn anyway
	_, _ = fmt.Fprintf(w.top, "\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", w.tag, text, len(text), w.tag)
	_ = w.close()
	_ = w.ctl.Flush()
	panic(http.ErrAbortHandler)
}

// timedWriter bounds the time that a client may take for each piece of the answer.
type timedWriter struct {
	w       io.Writer
	ctl     *http.ResponseController
	timeout time.Duration
}

func (t *timedWriter) Write(p []byte) (int, error) {
	if err := t.ctl.SetWriteDeadline(time.Now().Add(t.timeout)); err != nil {
		return 0, fmt.Errorf("bound time: %w", err)
	}
	return t.w.Write(p)
}

// frameWriter compresses what is written to it in frames, as on the native protocol.
type frameWriter struct {
	w        io.Writer
	compress *compress.Writer
	piece    []byte
}

func (f *frameWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), pieceBytes-len(f.piece))
		f.piece = append(f.piece, rest[:n]...)
		rest = rest[n:]
		if len(f.piece) == pieceBytes {
			if err := f.Close(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// Close sends what has been gathered.
func (f *frameWriter) Close() error {
	if len(f.piece) == 0 {
		return nil
	}
	if err := f.compress.Compress(f.piece); err != nil {
		return fmt.Errorf("compress frame: %w", err)
	}
	f.piece = f.piece[:0]
	_, err := f.w.Write(f.compress.Data)
	return err
}
