package kafka

import (
	"fmt"
	"net"
	"sync"
)

// door is the listener that kfake gets. Nobody comes in before it is opened, so that no request is served
// before the produce hook is in place.
type door struct {
	guardListener
	opened chan struct{}
	open   func() // idempotent
}

// listen takes the address.
func listen(addr string) (*door, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	d := &door{guardListener: guardListener{l}, opened: make(chan struct{})}
	d.open = sync.OnceFunc(func() { close(d.opened) })
	return d, nil
}

// Accept waits for the door to open, and for a connection.
func (d *door) Accept() (net.Conn, error) {
	<-d.opened
	return d.guardListener.Accept()
}

// Close closes the listener and lets those go that wait in Accept.
func (d *door) Close() error {
	d.open()
	return d.Listener.Close()
}
