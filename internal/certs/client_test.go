package certs

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"parley/internal/testkit"
)

// asking is a server that asks clients for certificates of an authority, and tells whom it has met by serial numbers.
func asking(t *testing.T, a *testkit.Authority) (address string, met <-chan string) {
	t.Helper()
	f := issue(t, a, t.TempDir(), "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, // 1.3 tells a client of a refusal only when it reads
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.Pool(),
	})
	if err != nil {
		t.Fatal(err)
	}
	serials, ended := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if shaken, ok := c.(*tls.Conn); ok && shaken.HandshakeContext(t.Context()) == nil {
				serials <- shaken.ConnectionState().PeerCertificates[0].SerialNumber.String()
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return l.Addr().String(), serials
}

// A client shows the certificate, and believes the authorities, that are in the files when it connects.
func TestClientRenewed(t *testing.T) {
	t.Parallel()
	old, next := authority(t), authority(t)
	toOld, metOld := asking(t, old)
	toNext, metNext := asking(t, next)
	dir := t.TempDir()
	f := issue(t, old, dir, "client")
	logged := new(bytes.Buffer)
	c, err := LoadClient(ClientFiles{CA: f.Authority, Cert: f.Cert, Key: f.Key}, slog.New(slog.NewTextHandler(logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	dial := func(address string) error {
		conn, err := c.Dial(t.Context(), address, 10*time.Second)
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	if err := dial(toOld); err != nil || <-metOld == "" {
		t.Fatalf("%v", err)
	}
	if err := dial(toNext); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("error %v of a server of another authority", err)
	}
	issue(t, next, dir, "client")
	c.authorities.looked, c.pair.looked = time.Time{}, time.Time{}
	c.authorities.seen[0].size, c.pair.seen[0].size = 0, 0 // whatever the clock of the file system can tell apart
	if err := dial(toNext); err != nil || <-metNext == "" {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"certificate read", "authorities read"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("not said: %s: %s", want, logged)
		}
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	c, err := LoadClient(ClientFiles{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Dial(t.Context(), "nowhere", time.Second); err == nil || !strings.Contains(err.Error(), "missing port") {
		t.Errorf("error %v", err)
	}
	if _, err := LoadClient(ClientFiles{CA: "nowhere.pem"}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("authorities that are not there are believed")
	}
	if _, err := LoadClient(ClientFiles{Cert: "nowhere.pem", Key: "nowhere.pem"}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a certificate that is not there is shown")
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := c.Dial(t.Context(), silent.Addr().String(), 10*time.Millisecond); err == nil {
		t.Error("who says nothing was shaken hands with")
	}
}
