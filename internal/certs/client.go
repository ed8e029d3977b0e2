package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"time"
)

// ClientFiles are the PEM files of a client.
type ClientFiles struct {
	// CA has the authorities that the client believes, and no others. Empty: those of the system.
	CA string
	// Cert and Key are how servers that ask for it know the client. Both or none.
	Cert, Key string
}

// Client knows servers by their authorities, and is known by its certificate. When files change, new connections are made
// with what is in them then. It is safe for concurrent use.
type Client struct {
	authorities *watched[*x509.CertPool] // nil: those of the system
	pair        *Pair                    // nil: it has none
}

// LoadClient reads the files.
func LoadClient(files ClientFiles, log *slog.Logger) (*Client, error) {
	c := new(Client)
	if files.CA != "" {
		c.authorities = &watched[*x509.CertPool]{
			names: []string{files.CA},
			read:  func() (*x509.CertPool, error) { return readAuthorities(files.CA) },
			said:  func(*x509.CertPool) { log.Info("authorities read", slog.String("file", files.CA)) },
			log:   log,
		}
		if err := c.authorities.load(); err != nil {
			return nil, err
		}
	}
	if files.Cert == "" && files.Key == "" {
		return c, nil
	}
	var err error
	c.pair, err = Load(files.Cert, files.Key, log)
	return c, err
}

// Config is for connections that are made now to a host: TLS 1.2 or later. Later ones show the certificate of their time, but
// believe the authorities of now.
func (c *Client) Config(host string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if c.authorities != nil {
		config.RootCAs = c.authorities.current(time.Now())
	}
	if c.pair != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.pair.current(time.Now()), nil }
	}
	return config
}

// Dial connects to host:port and shakes hands, within a time.
func (c *Client) Dial(ctx context.Context, address string, within time.Duration) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: within}, Config: c.Config(host)}
	return dialer.DialContext(ctx, "tcp", address)
}
