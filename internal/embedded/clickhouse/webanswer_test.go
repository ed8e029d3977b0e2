package clickhouse_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// webDecoders read the content encodings.
var webDecoders = map[string]func(io.Reader) (io.Reader, error){
	"gzip":    func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	"deflate": func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
	"br":      func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
	"lz4":     func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil },
	"zstd":    func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
}

// webEncoders write them.
var webEncoders = map[string]func(io.Writer) (io.WriteCloser, error){
	"gzip":    func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	"deflate": func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil },
	"br":      func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil },
	"lz4":     func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil },
	"zstd":    func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
}

func TestWebEncodings(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	mustExec(t, conn, "CREATE TABLE t (e LowCardinality(String), a UInt64) ENGINE = MergeTree ORDER BY a")
	var want strings.Builder
	for i := range 50_000 {
		fmt.Fprintln(&want, i)
	}
	for encoding, decode := range webDecoders {
		_, header, body := web(t, "POST", nil, strings.NewReader("SELECT number FROM numbers(50000)"), "Accept-Encoding", encoding)
		if got := header.Get("Content-Encoding"); got != encoding {
			t.Errorf("%s is answered in %q", encoding, got)
			continue
		}
		r, err := decode(strings.NewReader(body))
		if err != nil {
			t.Errorf("%s: %v", encoding, err)
			continue
		}
		if plain, err := io.ReadAll(r); err != nil || string(plain) != want.String() {
			t.Errorf("%s: %d bytes, want %d: %v", encoding, len(plain), want.Len(), err)
		}
		var rows bytes.Buffer
		w, err := webEncoders[encoding](&rows)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, want.String()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		sql := "INSERT INTO t (a) SETTINGS input_format_tsv_empty_as_default = 1 FORMAT TSV"
		if status, _, answer := web(t, "POST", params("database", db, "query", sql), bytes.NewReader(rows.Bytes()), "Content-Encoding", encoding); status != 200 {
			t.Errorf("insert in %s: status %d, %s", encoding, status, answer)
		}
		if status, header, _ := web(t, "POST", params("database", db, "query", sql), bytes.NewReader(rows.Bytes()[:rows.Len()/2]), "Content-Encoding", encoding); status == 200 {
			t.Errorf("half a body in %s: status %d, %v", encoding, status, header)
		}
		if n := value[uint64](t, conn, "SELECT sum(a) FROM t"); n != 50_000*49_999/2 {
			t.Errorf("%s: the rows have the sum %d", encoding, n)
		}
		mustExec(t, conn, "TRUNCATE TABLE t")
	}
	for accept, want := range map[string]string{"": "", "identity": "", "gzip, deflate, br, zstd": "zstd", "gzip;q=1.0, br": "br", "x": ""} {
		if _, header, _ := web(t, "POST", nil, strings.NewReader("SELECT 1"), "Accept-Encoding", accept); header.Get("Content-Encoding") != want {
			t.Errorf("%q is answered in %q, want %q", accept, header.Get("Content-Encoding"), want)
		}
	}
	if _, header, body := web(t, "POST", params("enable_http_compression", "0"), strings.NewReader("SELECT 1"), "Accept-Encoding", "gzip"); header.Get("Content-Encoding") != "" || body != "1\n" {
		t.Errorf("without compression: %q in %q", body, header.Get("Content-Encoding"))
	}
	if status, header, _ := web(t, "POST", nil, strings.NewReader("SELECT nosuch"), "Accept-Encoding", "gzip"); status != 404 || header.Get("Content-Encoding") != "" {
		t.Errorf("an exception: status %d in %q", status, header.Get("Content-Encoding"))
	}
	if status, header, _ := web(t, "POST", nil, strings.NewReader("SELECT 1"), "Content-Encoding", "rot13"); status != 501 || header.Get("X-ClickHouse-Exception-Code") != "48" {
		t.Errorf("a body in rot13: status %d", status)
	}
}

// TestWebFrames reads an answer in frames, inside a content encoding and without one.
func TestWebFrames(t *testing.T) {
	t.Parallel()
	_, header, body := web(t, "POST", params("compress", "1"), strings.NewReader("SELECT number FROM numbers(500000)"), "Accept-Encoding", "gzip")
	zr, err := gzip.NewReader(strings.NewReader(body))
	if err != nil || header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("encoding %q: %v", header.Get("Content-Encoding"), err)
	}
	r := chproto.NewReader(zr)
	r.EnableCompression()
	plain, err := io.ReadAll(r)
	if err != nil && !errors.Is(err, io.EOF) || bytes.Count(plain, []byte("\n")) != 500_000 {
		t.Errorf("%d lines, want 500000: %v", bytes.Count(plain, []byte("\n")), err)
	}
}

// TestWebExceptionBehindRows has a query fail after its rows are on their way: what 25.11 and later write.
func TestWebExceptionBehindRows(t *testing.T) {
	t.Parallel()
	const sql = "SELECT number, throwIf(number = 400000, 'as asked') FROM numbers(500000) SETTINGS max_threads = 1"
	status, header, body := web(t, "POST", nil, strings.NewReader(sql))
	tag := header.Get("X-ClickHouse-Exception-Tag")
	m := regexp.MustCompile(`(?s)\r\n__exception__\r\n([a-z0-9]{16})\r\n(Code: 395\. DB::Exception: as asked.*)\n(\d+) ([a-z0-9]{16})\r\n__exception__\r\n<torn>$`).FindStringSubmatch(body)
	if status != 200 || m == nil {
		t.Fatalf("status %d, the answer ends with %q", status, body[max(0, len(body)-500):])
	}
	if m[1] != tag || m[4] != tag || m[3] != fmt.Sprint(len(m[2])) {
		t.Errorf("tags %s and %s, length %s, want %s and %d", m[1], m[4], m[3], tag, len(m[2]))
	}
	for name, p := range map[string][]string{
		"wait_end_of_query": {"wait_end_of_query", "1"},
		"a large buffer":    {"buffer_size", "60000000"},
		"both, for a file":  {"wait_end_of_query", "1", "buffer_size", "1"},
	} {
		if status, header, body := web(t, "POST", params(p...), strings.NewReader(sql)); status != 500 || header.Get("X-ClickHouse-Exception-Code") != "395" {
			t.Errorf("%s: status %d, body %.200q", name, status, body)
		}
	}
	if status, _, body := web(t, "POST", nil, strings.NewReader("SELECT throwIf(number = 50000) FROM numbers(100000) FORMAT JSON")); status != 500 || !strings.HasPrefix(body, "Code: 395") {
		t.Errorf("within what is held back: status %d, body %.200q", status, body)
	}
}

// TestWebWait has the headers say what a query has read and written, and no file remain of what was held back.
func TestWebWait(t *testing.T) {
	t.Parallel()
	_, header, body := web(t, "POST", params("wait_end_of_query", "1", "query_id", "my own"), strings.NewReader("SELECT number FROM numbers(1000000)"))
	var summary map[string]string
	if err := json.Unmarshal([]byte(header.Get("X-ClickHouse-Summary")), &summary); err != nil {
		t.Fatal(err)
	}
	if summary["read_rows"] != "1000000" || summary["read_bytes"] != "8000000" || summary["elapsed_ns"] == "0" || len(body) != 6_888_890 {
		t.Errorf("summary %v, %d bytes", summary, len(body))
	}
	for name, want := range map[string]string{"X-ClickHouse-Query-Id": "my own", "X-ClickHouse-Format": "TabSeparated"} {
		if header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, header.Get(name), want)
		}
	}
	if header.Get("X-ClickHouse-Timezone") == "" || header.Get("X-ClickHouse-Server-Display-Name") == "" {
		t.Errorf("headers %v", header)
	}
	files, err := os.ReadDir(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".tmp") {
			t.Errorf("%s is left in the data folder", f.Name())
		}
	}
	if _, header, _ := web(t, http.MethodHead, params("query", "SELECT 1"), nil); header.Get("X-ClickHouse-Query-Id") == "" {
		t.Error("HEAD has no query id")
	}
}
