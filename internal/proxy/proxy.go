// Package proxy stands before a server, and fails as networks do when it is told: it cuts connections, keeps silent, or
// holds everything back for a while. It is how the project does to a connection of real processes what must not matter
// to them.
//
//	client ──▶ proxy ──▶ server        one connection there for each that comes
//
// Before a Kafka cluster stands one proxy for each broker, and they name each other instead of the brokers.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Config says what a proxy stands before.
type Config struct {
	// Listen and Target are host:port. The port of Listen may be 0.
	Listen, Target string
}

// Proxy is a TCP proxy. It may be used by several goroutines.
type Proxy struct {
	listener net.Listener
	target   string
	// translate is asked for each connection: what it returns is read instead of what client and server send. Nil: they are
	// read as they are.
	translate func(client, server io.Reader) (fromClient, fromServer io.Reader)
	group     sync.WaitGroup
	ctx       context.Context //nolint:containedctx // it is the life of the connections, which begin long after Open
	end       context.CancelFunc

	mu    sync.Mutex
	state state
	// changed is closed at the next change of the state.
	changed chan struct{}
	links   map[*link]struct{}
}

// state is how a proxy does.
type state struct {
	cut, silent bool
	delay       time.Duration
}

// link is one connection through the proxy.
type link struct {
	client *net.TCPConn
	server *net.TCPConn // nil: it is not there yet
}

// Open returns a proxy that listens.
func Open(cfg Config) (*Proxy, error) {
	p, err := listen(cfg)
	if err == nil {
		p.start()
	}
	return p, err
}

// listen returns a proxy that takes nobody yet.
func listen(cfg Config) (*Proxy, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("open proxy: %w", err)
	}
	p := &Proxy{listener: l, target: cfg.Target, changed: make(chan struct{}), links: make(map[*link]struct{})}
	p.ctx, p.end = context.WithCancel(context.Background())
	return p, nil
}

func (p *Proxy) start() { p.group.Go(p.accept) }

// Addr is where the proxy listens, as host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut resets all connections, and each one that comes.
func (p *Proxy) Cut() {
	p.change(func(s *state) { s.cut = true })
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

// Silence lets nothing pass any more, in neither direction, not even that a connection has ended. New connections are
// taken, as the system does it for a process that hangs.
func (p *Proxy) Silence() { p.change(func(s *state) { s.silent = true }) }

// Delay holds back each piece that passes for so long; so it bounds what passes in a second, too.
func (p *Proxy) Delay(d time.Duration) { p.change(func(s *state) { s.delay = d }) }

// Restore lets everything pass again: first, what the silence has held back.
func (p *Proxy) Restore() { p.change(func(s *state) { *s = state{} }) }

// Close resets all connections, and waits until they are over. Repeating it does nothing.
func (p *Proxy) Close() error {
	p.end()
	err := p.listener.Close()
	p.Cut()
	p.group.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close proxy: %w", err)
	}
	return nil
}

func (p *Proxy) change(to func(*state)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to(&p.state)
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			if p.ctx.Err() != nil || p.wait(acceptPause) != nil {
				return
			}
			continue // the process has no descriptors left, maybe
		}
		if client, ok := c.(*net.TCPConn); ok {
			p.group.Go(func() { p.serve(&link{client: client}) })
		}
	}
}

const (
	// acceptPause is the time between two tries to take a connection.
	acceptPause = 10 * time.Millisecond
	// dialTimeout bounds the way to the server, which is near.
	dialTimeout = 3 * time.Second
)

// serve is the life of a connection.
func (p *Proxy) serve(l *link) {
	defer p.drop(l)
	if !p.enter(l) {
		return
	}
	defer p.leave(l)
	if p.pass() != nil {
		return
	}
	c, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		return // the client sees what it would see of a server that is not there
	}
	server, ok := c.(*net.TCPConn)
	if !ok || !p.join(l, server) {
		_ = c.Close()
		return
	}
	var fromClient, fromServer io.Reader = l.client, server
	if p.translate != nil {
		fromClient, fromServer = p.translate(l.client, server)
	}
	var both sync.WaitGroup
	both.Go(func() { p.pump(l, server, fromClient) })
	p.pump(l, l.client, fromServer)
	both.Wait()
}

// enter makes a connection known. false: it is cut.
func (p *Proxy) enter(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.state.cut {
		p.links[l] = struct{}{}
	}
	return !p.state.cut
}

// join gives a connection its second half. false: it is cut.
func (p *Proxy) join(l *link, server *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.state.cut {
		l.server = server
	}
	return !p.state.cut
}

func (p *Proxy) leave(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// reset ends a connection at once, on both sides. What it has not sent is lost.
func (l *link) reset() {
	for _, c := range []*net.TCPConn{l.client, l.server} {
		if c != nil {
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	}
}

// pieceMax is how much is read at once.
const pieceMax = 32 << 10

// pump passes on what is read, until one side has ended. An end that is orderly is passed on; any other ends the
// connection.
func (p *Proxy) pump(l *link, to *net.TCPConn, from io.Reader) {
	piece := make([]byte, pieceMax)
	for {
		n, err := from.Read(piece)
		if p.pass() != nil {
			err = io.ErrClosedPipe
		} else if n > 0 {
			if _, bad := to.Write(piece[:n]); bad != nil {
				err = bad
			}
		}
		if err == io.EOF { //nolint:errorlint // within a frame, it is wrapped, and the end is not orderly
			err = to.CloseWrite()
			if err == nil {
				return
			}
		}
		if err != nil {
			p.drop(l)
			return
		}
	}
}

// drop ends a connection on both sides.
func (p *Proxy) drop(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.reset()
}

// pass returns when something may pass. Its error says that the proxy is closed.
func (p *Proxy) pass() error {
	for {
		p.mu.Lock()
		now, changed := p.state, p.changed
		p.mu.Unlock()
		if !now.silent || now.cut {
			return p.wait(now.delay)
		}
		select {
		case <-changed:
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
}

func (p *Proxy) wait(d time.Duration) error {
	if d == 0 {
		return p.ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}
