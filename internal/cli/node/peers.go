package node

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"

	"parley/ingest"
	"parley/internal/peer"
	"parley/processor"
)

// peers is how this node is one of several.
type peers struct {
	// live is the state of all partitions.
	live *peer.Live
	// handler answers the other nodes, and routes tells how the routes do here; nil on a node that does not process.
	handler http.Handler
	routes  ingest.RouteWatch
}

// openPeers joins the processor of this node, nil if there is none, to those of the others.
func (n *node) openPeers(p *processor.Processor) (all peers, err error) {
	self, err := n.advertised()
	if err != nil {
		return all, err
	}
	key, err := peer.NewKey(n.secret)
	if err != nil {
		return all, err
	}
	var owner peer.Owner
	if p != nil {
		owner, all.routes = p, p
		all.handler, err = peer.NewHandler(peer.HandlerConfig{Owner: p, Key: key, Log: n.log, Metrics: n.metrics})
		if err != nil {
			return all, fmt.Errorf("answer other nodes: %w", err)
		}
	}
	all.live, err = peer.New(peer.Config{
		Owner:      owner,
		Self:       self,
		Key:        key,
		Trust:      n.trust,
		Client:     n.kafka,
		Group:      n.group("processor"),
		Calls:      n.topics.Calls,
		Partitions: n.layout.Partitions,
		Log:        n.log,
		Metrics:    n.metrics,
	})
	if err != nil {
		return all, fmt.Errorf("ask other nodes: %w", err)
	}
	n.closers = append(n.closers, func() error { all.live.Close(); return nil })
	return all, nil
}

// advertised is where other nodes reach this one, and whether by TLS.
func (n *node) advertised() (string, error) {
	address, err := n.reachable()
	if err == nil && n.cfg.secure() {
		address = peer.Secure(address)
	}
	return address, err
}

// reachable is the address by which other nodes reach this one. A listener on all addresses does not say which of them that is: then
// it is the name of the host.
func (n *node) reachable() (string, error) {
	if n.cfg.AdvertiseAddr != "" {
		return n.cfg.AdvertiseAddr, nil
	}
	at, ok := n.http.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsUnspecified() {
		return n.http.Addr().String(), nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find host name: %w; set PARLEY_ADVERTISE_ADDR", err)
	}
	return net.JoinHostPort(host, strconv.Itoa(at.Port)), nil
}
