package certs

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"
)

// Pair is a certificate and its key, in two PEM files. When these change, new connections get what is in them then: a
// certificate is renewed without a restart. It is safe for concurrent use.
type Pair struct {
	watched[*tls.Certificate]
}

// Load reads both files. Its error says which of them is wrong, or that they do not belong together.
func Load(certFile, keyFile string, log *slog.Logger) (*Pair, error) {
	p := &Pair{watched[*tls.Certificate]{
		names: []string{certFile, keyFile},
		read: func() (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(certFile, keyFile)
			if err != nil {
				return nil, fmt.Errorf("read certificate %s and key %s: %w", certFile, keyFile, err)
			}
			return &c, nil
		},
		said: func(c *tls.Certificate) {
			log.Info("certificate read", slog.String("file", certFile), slog.Time("expires", c.Leaf.NotAfter))
		},
		log: log,
	}}
	if err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

// Server is the configuration of a server that has the certificate: TLS 1.2 or later, HTTP/2 or 1.1.
func (p *Pair) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return p.current(time.Now()), nil
		},
	}
}

// Expires is when the certificate ends that is in the files now.
func (p *Pair) Expires() time.Time { return p.current(time.Now()).Leaf.NotAfter }
