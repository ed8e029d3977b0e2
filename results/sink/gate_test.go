package sink

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// gate stands before a server and can be shut: then nobody gets in and who was in is thrown out.
type gate struct {
	listener net.Listener
	server   string

	mu     sync.Mutex
	isShut bool
	conns  map[net.Conn]struct{}
	work   sync.WaitGroup
}

// newGate returns an open gate before the server of a DSN, and the DSN of the gate.
func newGate(t *testing.T, dsn string) (*gate, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{listener: listener, server: u.Host, conns: map[net.Conn]struct{}{}}
	g.work.Go(g.serve)
	t.Cleanup(func() {
		listener.Close()
		g.shut()
		g.work.Wait()
	})
	u.Host = listener.Addr().String()
	return g, u.String()
}

func (g *gate) serve() {
	for {
		in, err := g.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", g.server)
		if err != nil || !g.admit(in, out) {
			in.Close()
			continue
		}
		g.work.Go(func() { g.pass(in, out) })
		g.work.Go(func() { g.pass(out, in) })
	}
}

// admit notes a pair of connections, or closes the second when the gate is shut.
func (g *gate) admit(in, out net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isShut {
		out.Close()
		return false
	}
	g.conns[in], g.conns[out] = struct{}{}, struct{}{}
	return true
}

// pass ends when either end does; an error is how a connection ends here.
func (g *gate) pass(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	from.Close()
	to.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, from)
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isShut = false
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isShut = true
	for c := range g.conns {
		c.Close()
	}
}
