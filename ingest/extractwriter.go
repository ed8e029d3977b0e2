package ingest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/labstack/echo/v4"

	"parley/schemas"
)

// extractWriter writes the answer that is an extract, as fast as its client takes it.
type extractWriter struct {
	request  echo.Context
	format   schemas.ExtractFormat
	patience time.Duration

	until    string
	control  *http.ResponseController
	compress io.WriteCloser // nil: it is not compressed
}

// begin writes the header of the answer, and returns where its body is written.
func (w *extractWriter) begin(until schemas.Cursor, at time.Time) (io.Writer, error) {
	to := w.request.Response()
	w.until, w.control = until.String(), http.NewResponseController(to)
	h := to.Header()
	h.Set(echo.HeaderContentType, contentType(w.format))
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+extractName(w.format, at)+`"`)
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(nextCursorHeader, w.until)
	encoding := ""
	if w.format != schemas.ExtractParquet {
		h.Set(echo.HeaderVary, echo.HeaderAcceptEncoding)
		encoding = acceptedEncoding(w.request.Request().Header)
	}
	if encoding != "" {
		h.Set(echo.HeaderContentEncoding, encoding)
	}
	if w.request.Request().Method == http.MethodHead {
		to.WriteHeader(http.StatusOK)
		return nil, errHeadersAlone
	}
	// The time for the request is over when its body is read; the connection is then still looked at for its end.
	if err := w.control.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("open extract: %w", err)
	}
	h.Set("Trailer", nextCursorHeader+", "+rowsHeader)
	to.WriteHeader(http.StatusOK)
	if err := w.patiently(w.control.Flush); err != nil {
		return nil, err
	}
	return w.compressed(encoding)
}

// compressed is where the body is written, as it is or to be compressed.
func (w *extractWriter) compressed(encoding string) (_ io.Writer, err error) {
	switch encoding {
	case "zstd":
		w.compress, err = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	case "gzip":
		w.compress, err = gzip.NewWriterLevel(w, gzip.BestSpeed)
	default:
		return w, nil
	}
	if err != nil {
		return nil, fmt.Errorf("compress extract: %w", err)
	}
	return w.compress, nil
}

// Write implements io.Writer.
func (w *extractWriter) Write(b []byte) (n int, err error) {
	err = w.patiently(func() (err error) {
		n, err = w.request.Response().Write(b)
		return err
	})
	return n, err
}

// patiently writes, as long as the client does not take too long. HTTP/2 ends a stream at its deadline even if nothing is
// written, so that it is there for the time of a write alone.
func (w *extractWriter) patiently(write func() error) error {
	if err := w.control.SetWriteDeadline(time.Now().Add(w.patience)); err != nil {
		return fmt.Errorf("bound write: %w", err)
	}
	if err := write(); err != nil {
		return fmt.Errorf("write extract: %w", err)
	}
	return w.control.SetWriteDeadline(time.Time{})
}

// end ends an answer that is whole, and says so.
func (w *extractWriter) end(rows int64) error {
	if w.compress != nil {
		if err := w.compress.Close(); err != nil {
			return fmt.Errorf("end extract: %w", err)
		}
	}
	h := w.request.Response().Header()
	h.Set(nextCursorHeader, w.until)
	h.Set(rowsHeader, strconv.FormatInt(rows, 10))
	return w.control.SetWriteDeadline(time.Now().Add(w.patience)) // what is left is written when the handler has returned
}

func contentType(f schemas.ExtractFormat) string {
	if f == schemas.ExtractCSV {
		return f.MediaType() + "; charset=utf-8; header=present" // RFC 4180 section 3
	}
	return f.MediaType()
}

// acceptedEncoding is the encoding that a client accepts of those that we have (RFC 9110 section 12.5.3), zstd rather than
// gzip; empty: none.
func acceptedEncoding(h http.Header) string {
	weights := map[string]float64{}
	for item := range strings.SplitSeq(strings.Join(h.Values(echo.HeaderAcceptEncoding), ","), ",") {
		name, params, _ := strings.Cut(item, ";")
		weight := 1.0
		if _, q, ok := strings.Cut(params, "q="); ok {
			if v, err := strconv.ParseFloat(strings.TrimSpace(q), 64); err == nil {
				weight = v
			}
		}
		weights[strings.ToLower(strings.TrimSpace(name))] = weight
	}
	switch {
	case weights["zstd"] > 0 && weights["zstd"] >= weights["gzip"]:
		return "zstd"
	case weights["gzip"] > 0:
		return "gzip"
	}
	return ""
}
