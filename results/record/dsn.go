// Package record opens the ClickHouse database that holds what has happened, and brings it to the schema of
// schemas.Migrations. The sink writes there; queries read.
package record

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// DefaultDatabase is used when a DSN names no database.
const DefaultDatabase = "parley"

// ParseDSN reads clickhouse://[user[:password]@]host:port[,host:port…][/database][?setting=value…], as clickhouse-go
// documents it. It fills in what the DSN leaves open: DefaultDatabase, LZ4, two seconds for dialling.
func ParseDSN(dsn string) (*clickhouse.Options, error) {
	opts, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("parse ClickHouse DSN, want clickhouse://user:password@host:port/database: %w", err)
	}
	opts.Auth.Database = cmp.Or(opts.Auth.Database, DefaultDatabase)
	opts.DialTimeout = cmp.Or(opts.DialTimeout, 2*time.Second)
	if opts.Compression == nil {
		opts.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	return opts, nil
}

// Open returns a pool of connections to the database of a DSN. It does not dial: the server may come later. The
// caller closes it.
func Open(dsn string) (driver.Conn, error) {
	opts, err := ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	return conn, nil
}
