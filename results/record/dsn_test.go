package record_test

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"parley/internal/certs"
	"parley/internal/pause"
	"parley/internal/testkit"
	"parley/results/record"
)

// shy is an interface by HTTPS that believes clients of an authority, and tells those the word that it is called by.
func shy(t *testing.T, a *testkit.Authority, word string) (address string) {
	t.Helper()
	f, err := a.Issue(t.TempDir(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	config, err := a.Server(f, tls.RequireAndVerifyClientCert)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, word, http.StatusTeapot)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	s.TLS = config
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// Files that are renewed are those of new connections, by HTTPS as by the native protocol.
func TestRenewedHTTPS(t *testing.T) {
	t.Parallel()
	authorities := make([]*testkit.Authority, 2)
	for i := range authorities {
		var err error
		if authorities[i], err = testkit.NewAuthority(); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	f, err := authorities[0].Issue(dir, "client")
	if err != nil {
		t.Fatal(err)
	}
	files, err := certs.LoadClient(certs.ClientFiles{CA: f.Authority, Cert: f.Cert, Key: f.Key}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	said := func(address string) string {
		conn, err := record.Open("https://"+address+"?secure=true", files)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.Ping(t.Context()).Error()
	}
	before, after := shy(t, authorities[0], "of before"), shy(t, authorities[1], "of after")
	if got := said(before); !strings.Contains(got, "of before") {
		t.Fatal(got)
	}
	// A transport that was made before the files change has them, too.
	kept, err := record.Open("https://"+after+"?secure=true", files)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	if got := kept.Ping(t.Context()).Error(); !strings.Contains(got, "unknown authority") {
		t.Fatal(got)
	}
	if _, err := authorities[1].Issue(dir, "client"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(testkit.Patience); ; {
		got := kept.Ping(t.Context()).Error()
		if strings.Contains(got, "of after") {
			return
		}
		if time.Now().After(end) || pause.For(t.Context(), 50*time.Millisecond) != nil {
			t.Fatal(got)
		}
	}
}
