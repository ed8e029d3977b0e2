package proxy_test

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/internal/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// open returns a proxy before a server that says what it hears.
func open(t *testing.T) *proxy.Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer c.Close()
				if _, err := io.Copy(c, c); err == nil {
					_, _ = c.Write([]byte("."))
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		group.Wait()
	})
	p, err := proxy.Open(proxy.Config{Listen: "127.0.0.1:0", Target: l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), p.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func dial(t *testing.T, p *proxy.Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("heard %q, %v; want %q", got, err, want)
	}
}

// ends reports whether a connection ends.
func ends(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// turnedAway reports whether a new connection is, at once or when it is there.
func turnedAway(t *testing.T, p *proxy.Proxy) bool {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return true
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return ends(c)
}

// What is sent arrives, and so does the end of it, one way at a time.
func TestOpen(t *testing.T) {
	t.Parallel()
	c := dial(t, open(t))
	say(t, c, "one")
	hear(t, c, "one")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	hear(t, c, ".")
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %d bytes, %v", n, err)
	}
}

// A cut resets what is open and what comes, until it is undone.
func TestCut(t *testing.T) {
	t.Parallel()
	p := open(t)
	c := dial(t, p)
	say(t, c, "one")
	hear(t, c, "one")
	p.Cut()
	if !ends(c) {
		t.Error("a connection stays that is cut")
	}
	if !turnedAway(t, p) {
		t.Error("one is taken that is cut")
	}
	p.Restore()
	c = dial(t, p)
	say(t, c, "two")
	hear(t, c, "two")
}

// In silence nothing passes, also not on new connections; then all of it does.
func TestSilence(t *testing.T) {
	t.Parallel()
	p := open(t)
	old := dial(t, p)
	say(t, old, "one")
	hear(t, old, "one")
	p.Silence()
	young := dial(t, p)
	for _, c := range []net.Conn{old, young} {
		say(t, c, "two")
		if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("in silence: %d bytes, %v", n, err)
		}
	}
	p.Restore()
	for _, c := range []net.Conn{old, young} {
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		hear(t, c, "two")
	}
}

// Silence ends with the proxy, too.
func TestCloseInSilence(t *testing.T) {
	t.Parallel()
	p := open(t)
	c := dial(t, p)
	p.Silence()
	say(t, c, "one")
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if !ends(c) {
		t.Error("a connection stays of a proxy that is closed")
	}
}

// Each way is held back once.
func TestDelay(t *testing.T) {
	t.Parallel()
	p := open(t)
	const delay = 30 * time.Millisecond
	p.Delay(delay)
	began := time.Now()
	c := dial(t, p)
	say(t, c, "one")
	hear(t, c, "one")
	if took := time.Since(began); took < 2*delay {
		t.Errorf("there and back took %s", took)
	}
}

// Who comes while the server is not there is sent away.
func TestNobody(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := proxy.Open(proxy.Config{Listen: "127.0.0.1:0", Target: l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if !turnedAway(t, p) {
		t.Error("one is taken for whom there is no server")
	}
}
