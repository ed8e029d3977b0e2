package ingest

import (
	"net"
	"net/http"
	"sync"
)

// connections bounds those that are open.
type connections struct {
	// open holds an element for each; its capacity is the bound.
	open chan struct{}
}

func newConnections(bound int) connections { return connections{make(chan struct{}, bound)} }

// note is told of each change of a connection that a doorkeeper has let in. It is the server's ConnState.
func (c connections) note(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateClosed, http.StateHijacked:
		<-c.open
	}
}

// doorkeeper is a listener that lets nobody in while all connections are open that may be: who comes then waits where
// the kernel keeps those who have not been let in. It gives out the connections as they are, since the server looks at
// what they can do.
type doorkeeper struct {
	net.Listener
	connections connections
	closed      chan struct{}
	close       func() error
}

func (c connections) guard(ln net.Listener) *doorkeeper {
	d := &doorkeeper{Listener: ln, connections: c, closed: make(chan struct{})}
	d.close = sync.OnceValue(func() error {
		close(d.closed)
		return ln.Close()
	})
	return d
}

// Accept implements net.Listener.
func (d *doorkeeper) Accept() (net.Conn, error) {
	select {
	case d.connections.open <- struct{}{}:
	case <-d.closed:
		return nil, net.ErrClosed
	}
	conn, err := d.Listener.Accept()
	if err != nil {
		<-d.connections.open
	}
	return conn, err
}

// Close implements net.Listener.
func (d *doorkeeper) Close() error { return d.close() }
