package egress

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// TransportConfig is what a Transport is made of.
type TransportConfig struct {
	// Guard says what may be reached.
	Guard Guard
	// Resolver finds addresses. Nil: that of the system.
	Resolver *net.Resolver
	// TLS verifies who is called. Nil: the authorities of the system do, as for any site.
	TLS *tls.Config
	// ConnectTimeout bounds looking up and connecting, and again the handshake of TLS. Zero: none.
	ConnectTimeout time.Duration
	// IdlePerHost is how many connections that are not in use are kept for each host. Zero: 2.
	IdlePerHost int
	// IdleTimeout is how long they are. Zero: 90s.
	IdleTimeout time.Duration
}

// idleMax bounds the connections that are kept of all hosts together: each costs a descriptor, and callers name the hosts.
const idleMax = 1024

// Transport makes requests that go nowhere but where a guard allows. It is safe for concurrent use.
//
// A connection that is kept leads to the address that was looked at when it was made. No proxy is asked, whatever the
// environment says: it would connect where it likes.
type Transport struct {
	guard         Guard
	plain, secure *http.Transport
}

// NewTransport returns a transport. Close drops what it keeps.
func NewTransport(cfg TransportConfig) *Transport {
	return &Transport{guard: cfg.Guard, plain: cfg.transport("http"), secure: cfg.transport("https")}
}

func (cfg TransportConfig) transport(scheme string) *http.Transport {
	dialer := cfg.Guard.Dialer(scheme, net.Dialer{Timeout: cfg.ConnectTimeout, Resolver: cfg.Resolver})
	idle := cfg.IdleTimeout
	if idle == 0 {
		idle = 90 * time.Second
	}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        cfg.TLS.Clone(),
		TLSHandshakeTimeout:    cfg.ConnectTimeout,
		DisableCompression:     true, // answers are not unpacked: a few bytes may become gigabytes
		MaxIdleConns:           idleMax,
		MaxIdleConnsPerHost:    cfg.IdlePerHost,
		IdleConnTimeout:        idle,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
}

// RoundTrip implements http.RoundTripper. A *RefusedError, which may be within the error, says that nothing was sent.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.guard.check(r.URL); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // a RoundTripper must; nothing was read
		}
		return nil, err
	}
	if r.URL.Scheme == "http" {
		return t.plain.RoundTrip(r)
	}
	return t.secure.RoundTrip(r)
}

// Close drops the connections that are not in use. It may be called more than once.
func (t *Transport) Close() {
	t.plain.CloseIdleConnections()
	t.secure.CloseIdleConnections()
}
