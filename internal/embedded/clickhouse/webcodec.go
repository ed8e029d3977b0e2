package clickhouse

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// webEncodings are the content encodings, the one that is preferred first.
var webEncodings = []string{"zstd", "br", "lz4", "gzip", "deflate"}

// chooseEncoding returns the encoding that an Accept-Encoding header allows, as a server chooses: by the name alone.
func chooseEncoding(accept string) string {
	for _, name := range webEncodings {
		if strings.Contains(accept, name) {
			return name
		}
	}
	return ""
}

// encoder compresses what is written to it.
func encoder(w io.Writer, encoding string, level int) (io.WriteCloser, error) {
	switch encoding {
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)))
	case "br":
		return brotli.NewWriterLevel(w, level), nil
	case "lz4":
		return lz4.NewWriter(w), nil
	case "gzip":
		return gzip.NewWriterLevel(w, level)
	}
	return zlib.NewWriterLevel(w, level)
}

// decoder reads a body in a content encoding.
func decoder(r io.Reader, encoding string) (io.Reader, error) {
	var out io.Reader
	var err error
	switch encoding {
	case "", "identity":
		return r, nil
	case "gzip", "x-gzip":
		out, err = gzip.NewReader(r)
	case "deflate":
		out, err = zlib.NewReader(r)
	case "br":
		out = brotli.NewReader(r)
	case "lz4":
		out = lz4.NewReader(r)
	case "zstd":
		var zr *zstd.Decoder
		if zr, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(frameSizeMax)); err == nil {
			out = zr.IOReadCloser()
		}
	default:
		return nil, exceptionf(codeNotImplemented, "Content-Encoding %s; use %s", encoding, strings.Join(webEncodings, ", "))
	}
	if err != nil {
		return nil, exceptionf(codeIncorrectData, "body is not %s: %v", encoding, err)
	}
	return &decodingReader{r: out, encoding: encoding}, nil
}

// decodingReader tells a body that does not decode from one that breaks off.
type decodingReader struct {
	r        io.Reader
	encoding string
}

func (d *decodingReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && err != io.EOF && !isNetError(err) { //nolint:errorlint // io.Reader's own rule
		err = exceptionf(codeIncorrectData, "body is not %s: %v", d.encoding, err)
	}
	return n, err
}

// body returns a request's body as plain text.
func (q *webQuery) body(src io.Reader) (io.Reader, error) {
	plain, err := decoder(src, q.r.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	if q.deframe {
		return &frameReader{src: bufio.NewReader(plain)}, nil
	}
	return plain, nil
}

// timedReader bounds the time that a client may take for each piece of its body.
type timedReader struct {
	r       io.Reader
	ctl     *http.ResponseController
	timeout time.Duration
}

func (t *timedReader) Read(p []byte) (int, error) {
	if err := t.ctl.SetReadDeadline(time.Now().Add(t.timeout)); err != nil {
		return 0, fmt.Errorf("read body: %w", err)
	}
	return t.r.Read(p)
}
