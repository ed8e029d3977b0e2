package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// Trust is the configuration of a client that believes the authorities in a PEM file, and no others; no file: those of
// the system.
func Trust(file string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if file == "" {
		return c, nil
	}
	roots, err := readAuthorities(file)
	c.RootCAs = roots
	return c, err
}

func readAuthorities(file string) (*x509.CertPool, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("read authorities: there is no certificate in %s", file)
	}
	return roots, nil
}
