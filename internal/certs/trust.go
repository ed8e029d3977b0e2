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
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("read authorities: there is no certificate in %s", file)
	}
	return c, nil
}
