package certs

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/internal/testkit"
)

func authority(t *testing.T) *testkit.Authority {
	t.Helper()
	a, err := testkit.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t *testing.T, a *testkit.Authority, dir string, hosts ...string) testkit.Files {
	t.Helper()
	f, err := a.Issue(dir, hosts...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func load(t *testing.T, f testkit.Files) (*Pair, *bytes.Buffer) {
	t.Helper()
	logged := new(bytes.Buffer)
	p, err := Load(f.Cert, f.Key, slog.New(slog.NewTextHandler(logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return p, logged
}

// A client believes the authority that it is told, by HTTP/2, and no other; an old one is not answered.
func TestServe(t *testing.T) {
	t.Parallel()
	f := issue(t, authority(t), t.TempDir(), "127.0.0.1")
	p, _ := load(t, f)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Proto)) }))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	_ = s.Listener.Close()
	s.Listener = tls.NewListener(ln, p.Server())
	s.Start()
	defer s.Close()
	get := func(c *tls.Config) (string, error) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}}
		defer client.CloseIdleConnections()
		r, err := client.Get("https://" + ln.Addr().String())
		if err != nil {
			return "", err
		}
		defer r.Body.Close()
		return r.Proto, nil
	}
	trust, err := Trust(f.Authority)
	if err != nil {
		t.Fatal(err)
	}
	if proto, err := get(trust); err != nil || proto != "HTTP/2.0" {
		t.Errorf("protocol %q, %v", proto, err)
	}
	system, err := Trust("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(system); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("error %v of one that does not know the authority", err)
	}
	old := trust.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := get(old); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("error %v of one that speaks TLS 1.1", err)
	}
}

// A certificate that is replaced is taken; while the files are not right, the one of before is kept.
func TestReplaced(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	f := issue(t, a, dir, "127.0.0.1")
	p, logged := load(t, f)
	first := p.loaded
	now := p.looked
	touch := func() {
		t.Helper()
		now = now.Add(lookInterval)
		for _, name := range []string{f.Cert, f.Key} {
			if err := os.Chtimes(name, now, now); err != nil {
				t.Fatal(err)
			}
		}
	}
	if p.current(now.Add(lookInterval)) != first || logged.Len() != 0 {
		t.Errorf("read again without a change: %s", logged)
	}
	now = now.Add(lookInterval)

	if err := os.WriteFile(f.Key, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	touch()
	for range 2 { // said once
		now = now.Add(lookInterval)
		if p.current(now) != first {
			t.Error("what is not right is in use")
		}
	}
	if n := strings.Count(logged.String(), "certificate not read"); n != 1 {
		t.Errorf("said %d times: %s", n, logged)
	}

	issue(t, a, dir, "127.0.0.1")
	touch()
	if p.current(now.Add(-time.Nanosecond)) != first {
		t.Error("the files are looked at all the time")
	}
	now = now.Add(lookInterval)
	second := p.current(now)
	if p.Expires() != p.current(now).Leaf.NotAfter {
		t.Errorf("it is said to expire at %s", p.Expires())
	}
	if second == first || second.Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) == 0 || !strings.Contains(logged.String(), `msg="certificate read"`) {
		t.Errorf("serial %v after %v: %s", second.Leaf.SerialNumber, first.Leaf.SerialNumber, logged)
	}

	if err := os.Remove(f.Cert); err != nil {
		t.Fatal(err)
	}
	if p.current(now.Add(lookInterval)) != second {
		t.Error("a certificate that is gone is not in use any more")
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	a := authority(t)
	f, other := issue(t, a, t.TempDir(), "a"), issue(t, a, t.TempDir(), "a")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ cert, key, want string }{
		"no certificate":         {"nowhere.pem", f.Key, "nowhere.pem: no such file"},
		"no key":                 {f.Cert, "nowhere.pem", "nowhere.pem: no such file"},
		"the key of another":     {f.Cert, other.Key, "does not match"},
		"nothing in the file":    {empty, f.Key, "failed to find any PEM data"},
		"the other way round":    {f.Key, f.Cert, "did find a private key"},
		"a certificate as a key": {f.Cert, f.Cert, "found a certificate rather than a key"},
	} {
		if _, err := Load(c.cert, c.key, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, err := Trust("nowhere.pem"); err == nil {
		t.Error("authorities that are not there are trusted")
	}
	if _, err := Trust(empty); err == nil || !strings.Contains(err.Error(), "there is no certificate in") {
		t.Errorf("error of an empty file: %v", err)
	}
}
