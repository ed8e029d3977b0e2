package ingest

import (
	"bytes"
	stdgzip "compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"parley/schemas"
)

func gzipped(t testing.TB, plain string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstded(t testing.TB, plain string, opts ...zstd.EOption) string {
	t.Helper()
	e, err := zstd.NewWriter(nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return string(e.EncodeAll([]byte(plain), nil))
}

func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	h := start(t)
	digest := sha256.Sum256([]byte(simpleCall))
	want := "sha-256=:" + base64.StdEncoding.EncodeToString(digest[:]) + ":"
	half := len(simpleCall) / 2
	const skippable = "\x50\x2a\x4d\x18\x03\x00\x00\x00abc" // RFC 8878 section 3.1.2
	taken := []struct{ name, encoding, body string }{
		{"gzip", "gzip", gzipped(t, simpleCall)},
		{"gzip in capitals", "GZip", gzipped(t, simpleCall)},
		{"gzip of several members", "gzip", gzipped(t, simpleCall[:half]) + gzipped(t, "") + gzipped(t, simpleCall[half:])}, // RFC 1952 section 2.2
		{"zstd", "zstd", zstded(t, simpleCall)},
		{"zstd of several frames", "zstd", zstded(t, simpleCall[:half]) + skippable + zstded(t, simpleCall[half:])},
		{"identity", "identity", simpleCall},
	}
	for _, b := range taken {
		if a := h.post(t, b.body, "Content-Encoding", b.encoding).accepted(t); a.Digest != want {
			t.Errorf("%s: digest %s, want that of the plain bytes", b.name, a.Digest)
		}
	}
	long := zstded(t, strings.Repeat(" ", 9<<20), zstd.WithWindowSize(16<<20), zstd.WithSingleSegment(true)) // its window is the whole
	refused := []struct {
		name, encoding, body string
		status               int
		says                 string
	}{
		{"plain as gzip", "gzip", simpleCall, 400, "not gzip"},
		{"plain as zstd", "zstd", simpleCall, 400, "breaks off after 0 bytes"},
		{"nothing as gzip", "gzip", "", 400, "not gzip"},
		{"br", "br", simpleCall, 415, "Content-Encoding gzip, zstd, or none"},
		{"two at once", "gzip, zstd", simpleCall, 415, "Content-Encoding gzip, zstd, or none"},
		{"cut gzip", "gzip", cut(gzipped(t, simpleCall)), 400, "breaks off"},
		{"cut zstd", "zstd", cut(zstded(t, simpleCall)), 400, "breaks off"},
		{"gzip cut between members", "gzip", gzipped(t, simpleCall[:half]), 400, "not valid JSON"},
		{"gzip and more", "gzip", gzipped(t, simpleCall) + "more", 400, "breaks off after 97 bytes"},
		{"zstd and more", "zstd", zstded(t, simpleCall) + "more", 400, "breaks off"},
		{"gzip with another sum", "gzip", flipped(gzipped(t, simpleCall), 8), 400, "checksum"},
		{"zstd with another sum", "zstd", flipped(zstded(t, simpleCall), 1), 400, "breaks off"},
		{"zstd with a great window", "zstd", long, 400, "without --long"},
	}
	for _, b := range refused {
		if d := h.post(t, b.body, "Content-Encoding", b.encoding).problem(t); d.Status != b.status || d.Code != schemas.InvalidBody || !strings.Contains(d.Detail, b.says) {
			t.Errorf("%s: %+v, want %d, saying %q", b.name, d, b.status, b.says)
		}
	}
	h.log(t, len(taken))
}

func cut(s string) string { return s[:len(s)-5] }

// flipped has other bits in the nth byte from the end.
func flipped(s string, n int) string {
	b := []byte(s)
	b[len(b)-n] ^= 0xff
	return string(b)
}

// A small body may not become a big one in memory: it is read no further than the bound.
func TestBombsAreRefused(t *testing.T) {
	t.Parallel()
	const bytesMax = 1 << 20
	h := start(t, func(c *Config) { c.RequestBytesMax = bytesMax })
	blank := strings.Repeat(" ", 8<<20)
	for encoding, bomb := range map[string]string{
		"gzip": strings.Repeat(gzipped(t, blank), 1024),
		"zstd": strings.Repeat(zstded(t, blank), 1024),
	} {
		body := strings.NewReader(bomb) // of 8 GiB
		r, err := http.NewRequest(http.MethodPost, callsPath, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Encoding", encoding)
		b := &budget{max: 1 << 40}
		l := b.lease()
		got, err := readBody(r, bytesMax, l)
		if p, ok := errors.AsType[*schemas.Problem](err); !ok || p.Code != schemas.TooLarge {
			t.Errorf("%s: %d bytes, %v", encoding, len(got), err)
		}
		if b.used.Load() > bytesMax+1 {
			t.Errorf("%s: %d bytes were taken from the budget", encoding, b.used.Load())
		}
		if read := len(bomb) - body.Len(); read > 1<<20 {
			t.Errorf("%s: %d bytes of the bomb were read", encoding, read)
		}
		if d := h.post(t, bomb[:bytesMax/2], "Content-Encoding", encoding).problem(t); d.Status != 413 || d.Code != schemas.TooLarge {
			t.Errorf("%s: %+v", encoding, d)
		}
	}
}

// Exactly the limit is taken, one more is refused, whatever way the body comes.
func TestLimitsOfARequestAtTheEdge(t *testing.T) {
	t.Parallel()
	l := schemas.DefaultLimits()
	l.CallBytesMax = 2000
	h := start(t, func(c *Config) {
		c.Limits, c.RequestCallsMax, c.RequestBytesMax, c.BytesInFlightMax = l, 3, 4096, 4097
	})
	call := part("c", 1, 1)
	array := func(calls int) string { return "[" + strings.Repeat(call+",", calls-1) + call + "]" }
	lines := func(calls int) string { return strings.Repeat(call+"\n", calls) }
	padded := func(body string, n int) string { return body + strings.Repeat(" ", n-len(body)) }
	accepted := int64(0)
	tests := []struct {
		name   string
		body   func(more int) string
		calls  int64
		header []string
		says   string
	}{
		{"calls of an array", func(more int) string { return array(3 + more) }, 3, nil, "a request has at most 3 calls"},
		{"calls of NDJSON", func(more int) string { return lines(3 + more) }, 3, []string{"Content-Type", mimeNDJSON}, "a request has at most 3 calls"},
		{"bytes of a call", func(more int) string { return padded(call, 2000+more) }, 1, nil, "a call has at most 2000 bytes, this one has 2001"},
		{"bytes of a request", func(more int) string { return padded(array(2), 4096+more) }, 2, nil, "at most 4096 bytes"},
		{"bytes of a gzip request", func(more int) string { return gzipped(t, padded(array(2), 4096+more)) }, 2, []string{"Content-Encoding", "gzip"}, "at most 4096 bytes"},
		{"bytes of a zstd request", func(more int) string { return zstded(t, padded(array(2), 4096+more)) }, 2, []string{"Content-Encoding", "zstd"}, "at most 4096 bytes"},
	}
	for _, tt := range tests {
		if r := h.post(t, tt.body(0), tt.header...); r.status != http.StatusAccepted {
			t.Errorf("%s at the limit: %d %s", tt.name, r.status, r.body)
		}
		accepted += tt.calls
		if d := h.post(t, tt.body(1), tt.header...).problem(t); d.Status != http.StatusRequestEntityTooLarge || d.Code != schemas.TooLarge || !strings.Contains(d.Detail, tt.says) {
			t.Errorf("%s over the limit: %+v", tt.name, d)
		}
	}
	// A length that is too great is refused before the body is sent.
	if d := h.post(t, strings.Repeat(" ", 8000)).problem(t); d.Code != schemas.TooLarge {
		t.Errorf("length 8000: %+v", d)
	}
	// A call that is too long does not stop the others.
	r := h.post(t, "["+call+`,{"x": "`+strings.Repeat("x", 2000)+`"},`+call+"]")
	if r.status != http.StatusAccepted || !bytes.Contains(r.body, []byte(`"accepted":2,"rejected":1`)) {
		t.Errorf("status %d: %s", r.status, r.body)
	}
	if n := h.logEnd(t); n != accepted+2 {
		t.Errorf("%d records, want %d", n, accepted+2)
	}
}

// What HTTP says of the length of a body is not believed against the body.
func TestLengthsOfBodies(t *testing.T) {
	t.Parallel()
	h := start(t)
	tests := []struct {
		name, head, body string
		status           string
		says             string
	}{
		{"chunked", "Transfer-Encoding: chunked", "5\r\n" + simpleCall[:5] + "\r\n" + "5c\r\n" + simpleCall[5:] + "\r\n0\r\n\r\n", "202 Accepted", `"status":"Queued"`},
		{"chunked and cut", "Transfer-Encoding: chunked", "61\r\n" + simpleCall + "\r\n", "400 Bad Request", "breaks off after 97 bytes"},
		{"chunks without lengths", "Transfer-Encoding: chunked", simpleCall, "400 Bad Request", "breaks off after 0 bytes"},
		{"a length too great", "Content-Length: 1000", simpleCall, "400 Bad Request", "breaks off after 97 bytes"},
		{"a length too small", "Content-Length: 90", simpleCall, "400 Bad Request", "not valid JSON"},
		{"a length far too great", "Content-Length: 9223372036854775807", "", "413 Request Entity Too Large", "TooLarge"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answer := h.raw(t, "POST /v1/calls HTTP/1.1\r\nHost: parley\r\nConnection: close\r\n"+tt.head+"\r\n\r\n"+tt.body)
			if !strings.HasPrefix(answer, "HTTP/1.1 "+tt.status) || !strings.Contains(answer, tt.says) {
				t.Errorf("answered with %s\nwant %s, saying %q", answer, tt.status, tt.says)
			}
		})
	}
}

// raw sends bytes, as they are, and all there is to send, and returns all that is answered.
func (h *harness) raw(t *testing.T, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// Whatever is sent, it is read within the bound and taken apart without a panic; and what the standard library makes
// of a gzip body is what we make of it.
func FuzzBody(f *testing.F) {
	encodings := []string{"", "gzip", "zstd"}
	f.Add(byte(0), false, []byte("["+simpleCall+","+simpleCall+"]"))
	f.Add(byte(1), false, []byte(gzipped(f, "[1,2]")+gzipped(f, "  ")))
	f.Add(byte(1), true, []byte(gzipped(f, strings.Repeat("1\n", 5000))))
	f.Add(byte(2), true, []byte(zstded(f, "1\n\n2")+zstded(f, "3")))
	f.Add(byte(2), false, []byte(zstded(f, strings.Repeat(" ", 1<<20))))
	const bytesMax, callsMax = 1 << 12, 10
	f.Fuzz(func(t *testing.T, encoding byte, ndjson bool, sent []byte) {
		r, err := http.NewRequest(http.MethodPost, callsPath, bytes.NewReader(sent))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = -1
		r.Header.Set("Content-Encoding", encodings[int(encoding)%len(encodings)])
		b := &budget{max: bytesMax + 1}
		body, err := readBody(r, bytesMax, b.lease())
		if len(body) > bytesMax {
			t.Fatalf("%d bytes", len(body))
		}
		if r.Header.Get("Content-Encoding") == "gzip" {
			if z, zerr := stdgzip.NewReader(bytes.NewReader(sent)); zerr == nil {
				want, zerr := io.ReadAll(io.LimitReader(z, bytesMax+1))
				if zerr == nil && len(want) <= bytesMax && (err != nil || !bytes.Equal(body, want)) {
					t.Fatalf("read as %q, %v, want %q", body, err, want)
				}
			}
		}
		if err != nil {
			return
		}
		media := mimeJSON
		if ndjson {
			media = mimeNDJSON
		}
		form, err := formOf(media, body)
		if err != nil {
			t.Fatal(err)
		}
		calls, p := split(body, form, callsMax)
		if p != nil {
			return
		}
		if len(calls) == 0 || len(calls) > callsMax || len(slices.Concat(calls...)) > len(body) {
			t.Fatalf("%d calls of %q", len(calls), body)
		}
	})
}
