package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/backend"
	"parley/internal/certs"
	"parley/internal/route"
)

// openHTTP takes the address of the node. Whoever connects is answered when everything is there.
func (n *node) openHTTP(context.Context) (err error) {
	if n.trust, err = certs.Trust(n.cfg.TLSCA); err != nil {
		return fmt.Errorf("PARLEY_TLS_CA: %w", err)
	}
	if n.cfg.secure() {
		if n.pair, err = certs.Load(n.cfg.TLSCert, n.cfg.TLSKey, n.log); err != nil {
			return fmt.Errorf("PARLEY_TLS_CERT, PARLEY_TLS_KEY: %w", err)
		}
		n.watchCertificate("http", n.pair)
	}
	if n.http, err = listen("PARLEY_HTTP_ADDR", n.cfg.HTTPAddr); err != nil {
		return err
	}
	n.closers = append(n.closers, closeOnce(n.http))
	if n.pair != nil {
		n.http = tls.NewListener(n.http, n.pair.Server())
	}
	return nil
}

// watchCertificate shows when a certificate ends. of says to whom it is shown.
func (n *node) watchCertificate(of string, pair *certs.Pair) {
	n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "parley_certificate_expires_timestamp_seconds",
		Help:        "When the certificate ends that this node shows: http, to callers and other nodes.",
		ConstLabels: prometheus.Labels{"of": of},
	}, func() float64 { return float64(pair.Expires().Unix()) }))
}

// url is where this node answers.
func (n *node) url() string {
	if n.cfg.secure() {
		return "https://" + n.http.Addr().String()
	}
	return "http://" + n.http.Addr().String()
}

// openBackend begins the demo backend, unless it is left out.
func (n *node) openBackend(context.Context) error {
	if !n.cfg.backend() {
		return nil
	}
	l, err := listen("PARLEY_BACKEND_ADDR", n.cfg.BackendAddr)
	if err != nil {
		return err
	}
	n.closers = append(n.closers, closeOnce(l))
	b, err := backend.New(backend.Config{AnswerTo: n.url(), Trust: n.trust, Journal: n.cfg.BackendJournal, Log: n.log})
	if err != nil {
		return fmt.Errorf("start demo backend: %w", err)
	}
	n.backend = l
	if n.routes == nil {
		n.routes = route.NewCurrent(route.Default("http://" + l.Addr().String() + "/calls"))
	}
	n.closers = append(n.closers, b.Close)
	n.stages = append(n.stages, stage{"demo backend", func(ctx context.Context) error { return b.Serve(ctx, l) }})
	return nil
}

// AddrInUseError says that another program has an address.
type AddrInUseError struct {
	Addr    string
	Setting string // the environment variable that says another
}

// Error says everything in one line.
func (e *AddrInUseError) Error() string {
	return fmt.Sprintf("address %s is in use; stop the program that listens there, or set %s to another", e.Addr, e.Setting)
}

// Is makes the error one with syscall.EADDRINUSE.
func (e *AddrInUseError) Is(target error) bool { return target == syscall.EADDRINUSE }

func listen(setting, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &AddrInUseError{Addr: addr, Setting: setting}
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w; set %s to an address of this machine", err, setting)
	}
	return l, nil
}

// closeOnce closes a listener that may have been closed by who served on it.
func closeOnce(l net.Listener) func() error {
	return func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}
