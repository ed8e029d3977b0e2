package extract

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"parley/internal/certs"
	"parley/internal/testkit"
	"parley/results/query"
	"parley/results/record"
	"parley/results/recordtest"
	"parley/schemas"
)

// terminate speaks TLS with those that show a certificate of the authority, before a server that does not. It returns where.
func terminate(t *testing.T, a *testkit.Authority, own testkit.Files, server string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { join(t, near, server) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); open.Wait() })
	return l.Addr().String()
}

// join passes on what both sides say until one of them ends.
func join(t *testing.T, near net.Conn, server string) {
	far, err := net.Dial("tcp", server)
	if err != nil {
		t.Error(err)
		_ = near.Close()
		return
	}
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(near, far); _ = near.Close() })
	_, _ = io.Copy(far, near)
	_ = far.Close()
	back.Wait()
}

// Everything that goes to ClickHouse goes by TLS, with a certificate of ours, to a server whose certificate is believed.
func TestTLS(t *testing.T) {
	t.Parallel()
	a, err := testkit.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	own, err := a.Issue(t.TempDir(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	dsn, err := url.Parse(recordtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	dsn.Host, dsn.RawQuery = terminate(t, a, own, dsn.Host), "secure=true"
	known, err := certs.LoadClient(certs.ClientFiles{CA: own.Authority, Cert: own.Cert, Key: own.Key}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := record.Migrate(t.Context(), dsn.String(), known, record.Schema{}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	conn, err := record.Open(dsn.String(), known)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(t.Context(), "INSERT INTO stored (partition, sequence) VALUES (0, 1)"); err != nil {
		t.Fatal(err)
	}
	extract := func(with *certs.Client) error {
		e, err := New(dsn.String(), with, query.New(conn).Stored)
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Extract(t.Context(), schemas.ExtractQuery{Account: account, Format: schemas.ExtractCSV}, func(schemas.Cursor) (io.Writer, error) { return io.Discard, nil })
		return err
	}
	if err := extract(known); err != nil {
		t.Error(err)
	}

	nameless, err := certs.LoadClient(certs.ClientFiles{CA: own.Authority}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]struct {
		with *certs.Client
		want string
	}{"shows no certificate": {nameless, "certificate required"}, "knows no authority": {nil, "unknown authority"}} {
		if err := extract(c.with); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("one that %s extracts: %v", who, err)
		}
		if err := record.Migrate(t.Context(), dsn.String(), c.with, record.Schema{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("one that %s migrates: %v", who, err)
		}
	}
	for _, given := range []string{"", "secure=false", "secure=true&skip_verify=true"} {
		dsn.RawQuery = given
		if _, err := record.Open(dsn.String(), known); !errors.Is(err, record.ErrNotSecure) {
			t.Errorf("certificates, and a DSN with %q: %v", given, err)
		}
	}
}
