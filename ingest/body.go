package ingest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"parley/schemas"
)

const (
	// bodyBufferUnknown is the first buffer of a body whose length is not known.
	bodyBufferUnknown = 4 << 10
	// bodyBufferTrust bounds the first buffer of one that has a Content-Length: that is a claim, and is not trusted
	// with more memory.
	bodyBufferTrust = 64 << 10
	// zstdWindowMax bounds the window that a zstd frame may demand (RFC 8878 section 3.1.1.1.2 recommends 8 MiB).
	zstdWindowMax = 8 << 20
)

// errBusy is answered while more bytes are in flight than the server may hold.
var errBusy = &schemas.Problem{
	Code:   schemas.QueueUnavailable,
	Detail: "too many bytes are on their way to the queue; nothing of this request was queued, send it again later",
}

// readBody reads and decompresses a body of at most bytesMax, as far as the lease can grow. Its error is a problem,
// a refusal, or a fault of ours.
func readBody(r *http.Request, bytesMax int64, l *lease) ([]byte, error) {
	if r.ContentLength > bytesMax {
		return nil, tooLarge(bytesMax)
	}
	plain, err := decompress(r)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	var buf []byte
	first := int64(bodyBufferUnknown)
	if r.ContentLength >= 0 && r.Header.Get("Content-Encoding") == "" {
		first = min(r.ContentLength+1, bodyBufferTrust) // the byte more is where the end is found
	}
	for {
		if len(buf) == cap(buf) {
			more := min(max(int64(cap(buf)), first), bytesMax+1-int64(cap(buf)))
			if !l.grow(more) {
				return nil, errBusy
			}
			buf = slices.Grow(buf, int(more))
		}
		n, err := plain.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > bytesMax {
			return nil, tooLarge(bytesMax)
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, unreadable(len(buf), err)
		}
	}
}

// unreadable says why a body could not be read to its end.
func unreadable(read int, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return refusal{&schemas.Problem{
			Code:   schemas.InvalidBody,
			Detail: fmt.Sprintf("the body comes too slowly: %d bytes were there in time; nothing of this request was queued", read),
		}, http.StatusRequestTimeout}
	}
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return &schemas.Problem{Code: schemas.InvalidBody, Detail: fmt.Sprintf("zstd bodies are taken with a window of at most %d MiB; compress without --long and --ultra", zstdWindowMax>>20)}
	}
	return &schemas.Problem{Code: schemas.InvalidBody, Detail: fmt.Sprintf("the body breaks off after %d bytes: %.200v", read, err)}
}

func tooLarge(bytesMax int64) *schemas.Problem {
	return &schemas.Problem{Code: schemas.TooLarge, Detail: fmt.Sprintf("a body is taken here of at most %d bytes; send what it holds in several requests", bytesMax)}
}

// decompress undoes the Content-Encoding of a body. Closing what it returns leaves the body open.
func decompress(r *http.Request) (io.ReadCloser, error) {
	switch encoding := strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ",")); encoding {
	case "", "identity":
		return io.NopCloser(r.Body), nil
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, unreadable(0, err)
		}
		if err != nil {
			return nil, &schemas.Problem{Code: schemas.InvalidBody, Detail: "the body is not gzip, as Content-Encoding says it is"}
		}
		return z, nil
	case "zstd":
		z, err := zstd.NewReader(r.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindowMax))
		if err != nil {
			return nil, fmt.Errorf("open zstd body: %w", err)
		}
		return z.IOReadCloser(), nil
	default:
		return nil, refusal{&schemas.Problem{
			Code:   schemas.InvalidBody,
			Detail: fmt.Sprintf("a body is sent with Content-Encoding gzip, zstd, or none, not %.100q", encoding),
		}, http.StatusUnsupportedMediaType}
	}
}
