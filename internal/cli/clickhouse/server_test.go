package clickhouse

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"parley/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dsn, url, user, password string }{
		{"http://127.0.0.1:8123", "http://127.0.0.1:8123/?database=parley", "", ""},
		{"https://u:p%40@ch/other", "https://ch/?database=other", "u", "p@"},
		{"clickhouse://u:p@ch:9000/other", "http://ch:8123/?database=other", "u", "p"},
		{"clickhouse://ch", "http://ch:8123/?database=parley", "", ""},
		{"clickhouse://ch?secure=true", "https://ch:8443/?database=parley", "", ""},
		{"tcp://ch:9440?username=u&password=p", "https://ch:8443/?database=parley", "u", "p"},
	} {
		s, err := Parse(c.dsn, "parley")
		if err != nil || s.url != c.url || s.user != c.user || s.password != c.password {
			t.Errorf("Parse(%q) = %+v, %v", c.dsn, s, err)
		}
	}
	for _, dsn := range []string{"clickhouse://ch:9999", "clickhouse://ch:9000?secure=true", "ftp://ch", "ch:8123", "", "http://u:secret@%"} {
		if _, err := Parse(dsn, "parley"); err == nil || !strings.Contains(err.Error(), "http://user:password@host:8123/") || strings.Contains(err.Error(), "secret") {
			t.Errorf("Parse(%q): error %v", dsn, err)
		}
	}
}

// answering returns a server that answers so.
func answering(t *testing.T, status int, body string) *Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-ClickHouse-Key") != "p" {
			t.Errorf("key %q", r.Header.Get("X-ClickHouse-Key"))
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		srv.Close()
	})
	s, err := Parse("http://u:p@"+strings.TrimPrefix(srv.URL, "http://"), "parley")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A server that wants a certificate gets that of the configuration.
func TestUse(t *testing.T) {
	t.Parallel()
	a, err := testkit.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	f, err := a.Issue(t.TempDir(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	config, err := a.Server(f, tls.RequireAndVerifyClientCert)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.String())
	}))
	srv.TLS = config
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	srv.StartTLS()
	defer srv.Close()
	s, err := Parse(srv.URL, "parley")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stream(t.Context(), io.Discard, "SELECT 1", "CSV"); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("error %v of one that does not know the authority", err)
	}
	s.Use(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: a.Pool(), Certificates: config.Certificates})
	if err := s.Stream(t.Context(), io.Discard, "SELECT 1", "CSV"); err != nil {
		t.Error(err)
	}
	s.http.CloseIdleConnections()
}

func TestRows(t *testing.T) {
	t.Parallel()
	const head = `["a","b"]` + "\n" + `["UInt8","String"]` + "\n"
	const body = head + `["1","x"]` + "\n" + `["2","y"]` + "\n"
	columns := []Column{{"a", "UInt8"}, {"b", "String"}}
	for _, c := range []struct {
		name string
		body string
		max  int
		want Answer
	}{
		{"all", body, 2, Answer{Columns: columns, Rows: [][]string{{"1", "x"}, {"2", "y"}}}},
		{"some", body, 1, Answer{Columns: columns, Rows: [][]string{{"1", "x"}}, More: true}},
		{"none", head, 1, Answer{Columns: columns}},
		{"no rows at all", "", 1, Answer{}},
	} {
		got, err := answering(t, http.StatusOK, c.body).Rows(t.Context(), "SELECT", c.max)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	if _, err := answering(t, http.StatusOK, body+"Code: 241. DB::Exception").Rows(t.Context(), "SELECT", 9); err == nil || !strings.Contains(err.Error(), "row 3") {
		t.Errorf("error of an answer that breaks off = %v", err)
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	long := "Code: 62. DB::Exception: Syntax error: failed at position 1 (x): x. Expected one of: " + strings.Repeat("something, ", 50) + "end. (SYNTAX_ERROR) (version 26)\n"
	_, err := answering(t, http.StatusBadRequest, long).Rows(t.Context(), "x", 1)
	said, ok := errors.AsType[*Error](err)
	if want := "Code: 62. DB::Exception: Syntax error: failed at position 1 (x): x. (SYNTAX_ERROR) (version 26)"; !ok || said.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}
