// Package record opens the ClickHouse database that holds what has happened, and brings it to the schema of
// schemas.Migrations. The sink writes there; queries read.
package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/internal/certs"
)

// DefaultDatabase is used when a DSN names no database.
const DefaultDatabase = "parley"

// ParseDSN reads clickhouse://[user[:password]@]host:port[,host:port…][/database][?setting=value…], as clickhouse-go
// documents it, or https: with secure=true. It fills in what the DSN leaves open: DefaultDatabase, LZ4, two seconds for dialling. With secure=true each
// connection is made by TLS with what is in the files of certs then; nil: with the authorities of the system.
func ParseDSN(dsn string, certs *certs.Client) (*clickhouse.Options, error) {
	opts, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("parse ClickHouse DSN, want clickhouse://user:password@host:port/database: %w", err)
	}
	opts.Auth.Database = cmp.Or(opts.Auth.Database, DefaultDatabase)
	opts.DialTimeout = cmp.Or(opts.DialTimeout, 2*time.Second)
	if opts.Compression == nil {
		opts.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	return opts, secure(opts, certs)
}

// ErrNotSecure says that there are certificates, and that the DSN does not say that they are to be used.
var ErrNotSecure = errors.New("PARLEY_CLICKHOUSE_CA or PARLEY_CLICKHOUSE_CERT is set, but the DSN asks for no TLS, or not to verify the server; let it have secure=true, no skip_verify, and the port that speaks TLS, usually 9440")

// secure has connections made with certs.
func secure(opts *clickhouse.Options, certs *certs.Client) error {
	switch {
	case certs == nil:
		return nil
	case opts.TLS == nil || opts.TLS.InsecureSkipVerify:
		return ErrNotSecure
	}
	dial := func(ctx context.Context, addr string) (net.Conn, error) {
		return certs.Dial(ctx, addr, opts.DialTimeout)
	}
	if opts.Protocol != clickhouse.HTTP {
		opts.DialContext = dial
		return nil
	}
	opts.TLS = certs.Config("") // through a proxy the transport makes TLS of a connection itself
	opts.TransportFunc = func(t *http.Transport) (http.RoundTripper, error) {
		t.DialTLSContext = func(ctx context.Context, _, addr string) (net.Conn, error) { return dial(ctx, addr) }
		return t, nil
	}
	return nil
}

// Open returns a pool of connections to the database of a DSN, made as ParseDSN says. It does not dial: the server may come later. The
// caller closes it.
func Open(dsn string, certs *certs.Client) (driver.Conn, error) {
	opts, err := ParseDSN(dsn, certs)
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	return conn, nil
}
