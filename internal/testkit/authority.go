package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority issues certificates that hold for a day.
type Authority struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	issued int64
}

// NewAuthority returns one that nobody knows yet.
func NewAuthority() (*Authority, error) {
	a := &Authority{cert: &x509.Certificate{
		Subject:               pkix.Name{CommonName: "an authority of tests"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}}
	der, key, err := a.sign(a.cert)
	if err != nil {
		return nil, err
	}
	a.key = key
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	return a, nil
}

// sign completes a certificate, and returns it with a key of its own; the first one signs itself.
func (a *Authority) sign(c *x509.Certificate) ([]byte, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generate key: %w", err)
	}
	a.issued++
	c.SerialNumber = big.NewInt(a.issued)
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	signer := a.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), signer)
	if err != nil {
		return nil, nil, fmt.Errorf("create certificate: %w", err)
	}
	return der, key, nil
}

// Files are PEM files.
type Files struct {
	Cert, Key, Authority string
}

// Pool believes the authority.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// Server is the TLS of a server that has files of the authority, and wants of its clients what is said, by the same authority.
func (a *Authority) Server(f Files, clients tls.ClientAuthType) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: clients, ClientCAs: a.Pool()}, nil
}

// Issue writes a certificate for hosts, the first of which is its common name, by which they serve and are clients, its key, and that of the authority into a folder, where they replace others.
func (a *Authority) Issue(dir string, hosts ...string) (Files, error) {
	c := &x509.Certificate{Subject: pkix.Name{CommonName: hosts[0]}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	der, key, err := a.sign(c)
	if err != nil {
		return Files{}, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Files{}, fmt.Errorf("encode key: %w", err)
	}
	f := Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), Authority: filepath.Join(dir, "ca.pem")}
	for _, file := range []struct {
		name, kind string
		der        []byte
	}{
		{f.Cert, "CERTIFICATE", der},
		{f.Key, "PRIVATE KEY", encoded},
		{f.Authority, "CERTIFICATE", a.cert.Raw},
	} {
		if err := os.WriteFile(file.name, pem.EncodeToMemory(&pem.Block{Type: file.kind, Bytes: file.der}), 0o600); err != nil {
			return Files{}, fmt.Errorf("write certificate: %w", err)
		}
	}
	return f, nil
}
