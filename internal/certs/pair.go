package certs

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookInterval is the least time between two looks at the files.
const lookInterval = time.Second

// Pair is a certificate and its key, in two PEM files. When these change, new connections get what is in them then: a
// certificate is renewed without a restart. It is safe for concurrent use.
type Pair struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	// seen is what the files looked like when they were read last, well or not.
	seen   [2]stamp
	looked time.Time
}

// stamp tells a file from what it was before.
type stamp struct {
	modified time.Time
	size     int64
}

// Load reads both files. Its error says which of them is wrong, or that they do not belong together.
func Load(certFile, keyFile string, log *slog.Logger) (*Pair, error) {
	p := &Pair{certFile: certFile, keyFile: keyFile, log: log}
	seen, err := p.stamps()
	if err != nil {
		return nil, err
	}
	p.seen, p.looked = seen, time.Now()
	if p.loaded, err = p.read(); err != nil {
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

// current is the certificate in the files; the one of before, while they are not right.
func (p *Pair) current(now time.Time) *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.looked) < lookInterval {
		return p.loaded
	}
	p.looked = now
	seen, err := p.stamps()
	if err == nil && seen == p.seen {
		return p.loaded
	}
	var found *tls.Certificate
	if err == nil {
		p.seen = seen
		found, err = p.read()
	}
	if err != nil {
		p.log.Warn("certificate not read; the one of before stays in use", slog.Any("error", err))
		return p.loaded
	}
	p.loaded = found
	p.log.Info("certificate read", slog.String("file", p.certFile), slog.Time("expires", found.Leaf.NotAfter))
	return p.loaded
}

// Expires is when the certificate ends that is in the files now.
func (p *Pair) Expires() time.Time { return p.current(time.Now()).Leaf.NotAfter }

func (p *Pair) stamps() (both [2]stamp, _ error) {
	for i, name := range []string{p.certFile, p.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return both, fmt.Errorf("read certificate: %w", err)
		}
		both[i] = stamp{modified: info.ModTime(), size: info.Size()}
	}
	return both, nil
}

func (p *Pair) read() (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s and key %s: %w", p.certFile, p.keyFile, err)
	}
	return &c, nil
}
