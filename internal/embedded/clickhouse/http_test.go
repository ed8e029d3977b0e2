package clickhouse_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"
)

// webTimeout bounds a request of a test, on the slowest machine.
const webTimeout = 5 * time.Minute

// web sends a request and returns status, headers and body.
func web(t *testing.T, method string, params url.Values, body io.Reader, header ...string) (int, http.Header, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), webTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+server.HTTPAddr()+"/?"+params.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		text = append(text, "<torn>"...)
	}
	return resp.StatusCode, resp.Header, string(text)
}

func params(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func TestWebQueries(t *testing.T) {
	t.Parallel()
	_, db := embedded(t)
	for _, c := range []struct {
		name, method string
		params       url.Values
		body         string
		status, code int
		want         string // the whole body, or with an exception a part of it
		format       string
	}{
		{"get", "GET", params("query", "SELECT 1, 'a'"), "", 200, 0, "1\ta\n", "TabSeparated"},
		{"post", "POST", nil, "SELECT 1;", 200, 0, "1\n", "TabSeparated"},
		{"both", "POST", params("query", "SELECT 1"), "+ 1", 200, 0, "2\n", "TabSeparated"},
		{"format clause", "POST", nil, "SELECT 1 AS a FORMAT CSVWithNames", 200, 0, "\"a\"\n1\n", "CSVWithNames"},
		{"default format", "POST", params("default_format", "JSONEachRow"), "SELECT 1 AS a", 200, 0, "{\"a\":1}\n", "JSONEachRow"},
		{"clause wins", "POST", params("default_format", "JSONEachRow"), "SELECT 1 AS a FORMAT CSV", 200, 0, "1\n", "CSV"},
		{"empty", "POST", nil, "SELECT 1 AS a WHERE 0 FORMAT TSVWithNames", 200, 0, "a\n", "TSVWithNames"},
		{"params", "GET", params("query", "SELECT {s:String}, {n:UInt8} + 1, {a:Array(UInt8)}", "param_s", `it's \t`, "param_n", "7", "param_a", "[1,2]"), "", 200, 0, "it\\'s \\t\t8\t[1,2]\n", "TabSeparated"},
		{"missing param", "GET", params("query", "SELECT {s:String}"), "", 500, 456, "Substitution `s` is not set", ""},
		{"setting", "GET", params("query", "SELECT getSetting('max_threads')", "max_threads", "3"), "", 200, 0, "3\n", "TabSeparated"},
		{"unknown setting", "GET", params("query", "SELECT 1", "nosuch", "3"), "", 404, 115, "Unknown setting", ""},
		{"database", "GET", params("query", "SELECT currentDatabase()", "database", db), "", 200, 0, db + "\n", "TabSeparated"},
		{"unknown database", "GET", params("query", "SELECT 1", "database", "nosuch"), "", 404, 81, "UNKNOWN_DATABASE", ""},
		{"unknown table", "POST", nil, "SELECT * FROM nosuch", 404, 60, "UNKNOWN_TABLE", ""},
		{"syntax", "POST", nil, "SELEC", 400, 62, "SYNTAX_ERROR", ""},
		{"two statements", "POST", nil, "SELECT 1; SELECT 2", 400, 62, "Multi-statements are not allowed", ""},
		{"nothing", "POST", nil, "", 400, 62, "SYNTAX_ERROR", ""},
		{"show", "POST", nil, "SHOW DATABASES LIKE 'system' FORMAT JSONEachRow", 200, 0, "{\"name\":\"system\"}\n", "JSONEachRow"},
		{"get changes nothing", "GET", params("query", "CREATE TABLE t (a UInt8) ENGINE = Memory", "database", db), "", 500, 164, "READONLY", ""},
		{"thrown", "POST", nil, "SELECT throwIf(1)", 500, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO", ""},
		{"session that must exist", "POST", params("session_id", "x", "session_check", "1"), "SELECT 1", 500, 372, "SESSION_NOT_FOUND", ""},
		{"session for too long", "POST", params("session_id", "x", "session_timeout", "3601"), "SELECT 1", 500, 374, "INVALID_SESSION_TIMEOUT", ""},
		{"role", "POST", params("role", "x"), "SELECT 1", 404, 511, "UNKNOWN_ROLE", ""},
		{"flag", "POST", params("compress", "x"), "SELECT 1", 400, 72, "neither 0 nor 1", ""},
		{"number", "POST", params("client_protocol_version", "x"), "SELECT 1", 400, 72, "not a number", ""},
		{"unknown format", "POST", params("default_format", "Nosuch"), "SELECT 1", 404, 73, "UNKNOWN_FORMAT", ""},
		{"no format", "POST", params("default_format", "TSV SETTINGS"), "SELECT 1", 404, 73, "UNKNOWN_FORMAT", ""},
		{"native", "POST", params("default_format", "Native"), "SELECT 1::UInt8 AS a", 200, 0, "\x01\x01\x01a\x05UInt8\x01", "Native"},
		{"native of a revision", "POST", params("client_protocol_version", "54405"), "SELECT 1::UInt8 AS a FORMAT Native", 200, 0, "\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x01a\x05UInt8\x01", "Native"},
		{"native with marks", "POST", params("client_protocol_version", "54454"), "SELECT 1::UInt8 AS a FORMAT Native", 200, 0, "\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x01a\x05UInt8\x00\x01", "Native"},
		{"native without rows", "POST", nil, "SELECT 1::UInt8 AS a WHERE 0 FORMAT Native", 200, 0, "\x01\x00\x01a\x05UInt8", "Native"},
		{"user", "POST", params("user", "bob", "password", "x"), "SELECT 1", 403, 516, "AUTHENTICATION_FAILED", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, header, body := web(t, c.method, c.params, strings.NewReader(c.body))
			code := header.Get("X-ClickHouse-Exception-Code")
			if c.code == 0 && (status != 200 || body != c.want || header.Get("X-ClickHouse-Format") != c.format) {
				t.Errorf("status %d, format %q, body %q, want 200, %q, %q", status, header.Get("X-ClickHouse-Format"), body, c.format, c.want)
			}
			if c.code != 0 && (status != c.status || code != fmt.Sprint(c.code) || !strings.Contains(body, c.want)) {
				t.Errorf("status %d, code %q, body %q, want %d, %d, %q in it", status, code, body, c.status, c.code, c.want)
			}
			if c.code != 0 && !strings.HasPrefix(body, "Code: "+code+". DB::Exception: ") {
				t.Errorf("body %q does not begin with the code", body)
			}
		})
	}
}

func TestWebInserts(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	mustExec(t, conn, "CREATE TABLE t (a UInt32, s String DEFAULT 'd') ENGINE = MergeTree ORDER BY a")
	const rows = "1\tx\n2\ty\n"
	var zipped, zstded bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	sw, err := zstd.NewWriter(&zstded)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(zw, "INSERT INTO t FORMAT TSV\n"+rows)
	fmt.Fprint(sw, rows)
	if err := errors.Join(zw.Close(), sw.Close()); err != nil {
		t.Fatal(err)
	}
	frames := compress.NewWriter(compress.LevelZero, compress.LZ4)
	if err := frames.Compress([]byte(rows)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		query  string
		body   string
		header []string
		extra  string
		sum    string
	}{
		{name: "data in the body", query: "INSERT INTO t FORMAT TSV", body: rows, sum: "3\txy\n"},
		{name: "all in the body", body: "INSERT INTO t FORMAT TSV\n" + rows, sum: "3\txy\n"},
		{name: "values", body: "INSERT INTO t VALUES (1, 'x'), (2, 'y');", sum: "3\txy\n"},
		{name: "values in the body", query: "INSERT INTO t (a) VALUES", body: "(1), (2)", sum: "3\tdd\n"},
		{name: "json", query: "INSERT INTO t FORMAT JSONEachRow", body: `{"a": 1} {"a": 2, "s": "y"}`, sum: "3\tdy\n"},
		{name: "csv with settings", query: "INSERT INTO t SETTINGS format_csv_delimiter = ';' FORMAT CSV", body: "1;x\n2;y\n", sum: "3\txy\n"},
		{name: "select", body: "INSERT INTO t SELECT 3, 'z'", sum: "3\tz\n"},
		{name: "gzip", body: zipped.String(), header: []string{"Content-Encoding", "gzip"}, sum: "3\txy\n"},
		{name: "zstd", query: "INSERT INTO t FORMAT TSV", body: zstded.String(), header: []string{"Content-Encoding", "zstd"}, sum: "3\txy\n"},
		{name: "frames", query: "INSERT INTO t FORMAT TSV", body: string(frames.Data), extra: "decompress", sum: "3\txy\n"},
	} {
		p := params("database", db)
		if c.query != "" {
			p.Set("query", c.query)
		}
		if c.extra != "" {
			p.Set(c.extra, "1")
		}
		if status, _, body := web(t, "POST", p, strings.NewReader(c.body), c.header...); status != 200 || body != "" {
			t.Errorf("%s: status %d, body %q", c.name, status, body)
			continue
		}
		_, _, got := web(t, "GET", params("database", db, "query", "SELECT sum(a), arrayStringConcat(groupArray(s)) FROM (SELECT * FROM t ORDER BY a)"), nil)
		if got != c.sum {
			t.Errorf("%s: stored %q, want %q", c.name, got, c.sum)
		}
		mustExec(t, conn, "TRUNCATE TABLE t")
	}
	for _, bad := range []struct{ query, body, code string }{
		{"INSERT INTO t FORMAT TSV", "x\ty\n", "27"},
		{"INSERT INTO nosuch FORMAT TSV", rows, "60"},
		{"INSERT INTO t FORMAT Nosuch", rows, "73"},
	} {
		_, header, body := web(t, "POST", params("database", db, "query", bad.query), strings.NewReader(bad.body))
		if got := header.Get("X-ClickHouse-Exception-Code"); got != bad.code {
			t.Errorf("%s: code %s %q, want %s", bad.query, got, body, bad.code)
		}
	}
	if _, header, _ := web(t, "POST", params("query", "SELECT 1"), strings.NewReader("no gzip"), "Content-Encoding", "gzip"); header.Get("X-ClickHouse-Exception-Code") != "117" {
		t.Error("a body that is not gzip is taken")
	}
}

// TestWebBigInsert streams 200 MB into an insert.
func TestWebBigInsert(t *testing.T) {
	conn, db := embedded(t)
	mustExec(t, conn, "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
	line := strings.Repeat("1\t"+strings.Repeat("x", 98)+"\n", 10_000)
	var parts []io.Reader
	for range 200 {
		parts = append(parts, strings.NewReader(line))
	}
	status, header, body := web(t, "POST", params("database", db, "query", "INSERT INTO t FORMAT TSV"), io.MultiReader(parts...))
	if status != 200 {
		t.Fatalf("status %d, body %q", status, body)
	}
	if got := header.Get("X-ClickHouse-Summary"); !strings.Contains(got, `"written_rows":"2000000"`) {
		t.Errorf("summary %s, want 2000000 rows", got)
	}
}

// TestWebTornInsert breaks off in the middle of the body.
func TestWebTornInsert(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	mustExec(t, conn, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
	body := io.MultiReader(strings.NewReader("1\n2\n"), iotest.ErrReader(errors.New("torn")))
	resp, err := http.Post("http://"+server.HTTPAddr()+"/?"+params("database", db, "query", "INSERT INTO t FORMAT TSV").Encode(), "", body)
	if err == nil {
		resp.Body.Close()
		t.Fatalf("status %d, want a broken request", resp.StatusCode)
	}
	eventually(t, "the insert has ended", func() bool { return running(t, conn, "INSERT INTO t") == 0 })
	if n := value[uint64](t, conn, "SELECT count() FROM t"); n != 0 {
		t.Errorf("a torn insert has left %d rows", n)
	}
}

func TestWebStreams(t *testing.T) {
	t.Parallel()
	conn, _ := embedded(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server.HTTPAddr()+"/?"+params("query", "SELECT number /* webstream */ FROM numbers(1000000000000)").Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1<<20)); err != nil {
		t.Fatalf("an endless answer ends: %v", err)
	}
	cancel()
	eventually(t, "the query has stopped", func() bool { return running(t, conn, "webstream") == 0 })

	_, _, body := web(t, "GET", params("query", "SELECT throwIf(number = 1000000) FROM numbers(2000000)"), nil)
	if !strings.Contains(body, "Code: 395. DB::Exception") || !strings.HasSuffix(body, "<torn>") {
		t.Errorf("a query that fails in its middle ends with %q, want the exception and a torn answer", body[max(0, len(body)-200):])
	}
}

func TestWebOther(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path, origin string
		status               int
		want                 string
	}{
		{"GET", "/ping", "", 200, "Ok.\n"},
		{"GET", "/", "", 200, "Ok.\n"},
		{"GET", "/nosuch", "", 404, "There is no handle /nosuch"},
		{"DELETE", "/", "", 405, "use GET or POST"},
		{"POST", "/?query=SELECT+1", "http://elsewhere.example", 403, "cross-origin"},
	} {
		r, err := http.NewRequest(c.method, "http://"+server.HTTPAddr()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || !strings.Contains(string(body), c.want) {
			t.Errorf("%s %s: status %d, body %q, want %d, %q: %v", c.method, c.path, resp.StatusCode, body, c.status, c.want, err)
		}
	}
}
