package sink

import (
	"bytes"
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
	snare  *snare
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
		g.work.Go(func() { g.pass(in, out, (*snare).request) })
		g.work.Go(func() { g.pass(out, in, (*snare).reply) })
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

// pass ends when either end does, or the snare closes; an error is how a connection ends here.
func (g *gate) pass(from, to net.Conn, look func(*snare, net.Conn, net.Conn, []byte) int) {
	chunk := make([]byte, 32<<10)
	for {
		n, err := from.Read(chunk)
		g.mu.Lock()
		s := g.snare
		g.mu.Unlock()
		let := n
		if s != nil {
			let = look(s, from, to, chunk[:n])
		}
		if _, writeErr := to.Write(chunk[:let]); writeErr != nil || err != nil || let < n {
			break
		}
	}
	from.Close()
	to.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, from)
}

// lay has the next insert into a table caught.
func (g *gate) lay(s *snare) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.snare = s
}

// snare catches one insert into a table: torn in the middle of its rows, or whole, and then its answer is lost. In that
// moment it calls spring, once. The table's name must be followed by its columns.
type snare struct {
	table  string
	whole  bool
	spring func()

	mu     sync.Mutex
	client net.Conn // whose insert it is; nil before
	rows   int      // bytes that it has sent of them
	sprung bool
}

// tornAfter is how many bytes of rows a torn insert brings to the server; a block of the tests has more.
const tornAfter = 200

// request sees what a client sends, and returns how much of it may pass.
func (s *snare) request(client, _ net.Conn, chunk []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.sprung:
		return len(chunk)
	case s.client == nil:
		if bytes.Contains(chunk, []byte("INSERT INTO "+s.table+" (")) {
			s.client = client
		}
		return len(chunk)
	case s.client != client:
		return len(chunk)
	}
	before := s.rows
	s.rows += len(chunk)
	if s.whole || s.rows < tornAfter {
		return len(chunk)
	}
	s.sprung = true
	defer s.spring()
	return tornAfter - before
}

// reply sees what the server answers, and returns how much of it may pass.
func (s *snare) reply(_, client net.Conn, chunk []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sprung || !s.whole || s.client != client || s.rows < 1 {
		return len(chunk)
	}
	s.sprung = true
	s.spring()
	return 0
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
