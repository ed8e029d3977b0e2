package extract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/clickhouse-go/v2"
)

const (
	dialTimeout = 2 * time.Second
	// silence is how long ClickHouse may say nothing at all.
	silence = 5 * time.Minute
	// user is who asks if the DSN names nobody.
	user = "default"
)

// dial connects to the first server that answers. ch-go gives the columns of a block as they came, clickhouse-go only values,
// each in memory of its own.
func dial(ctx context.Context, to *clickhouse.Options) (*ch.Client, error) {
	var errs []error
	for _, addr := range to.Addr {
		opts := ch.Options{
			Address:          addr,
			Database:         to.Auth.Database,
			User:             cmp.Or(to.Auth.Username, user),
			Password:         to.Auth.Password,
			TLS:              to.TLS,
			Compression:      compression(to.Compression),
			DialTimeout:      cmp.Or(to.DialTimeout, dialTimeout),
			HandshakeTimeout: cmp.Or(to.DialTimeout, dialTimeout),
			ReadTimeout:      cmp.Or(to.ReadTimeout, silence),
			ProtocolVersion:  revision,
			ClientName:       "parley",
			Settings:         settings(to.Settings),
		}
		if to.DialContext != nil { // it makes TLS itself
			opts.Dialer, opts.TLS = dialer(to.DialContext), nil
		}
		client, err := ch.Dial(ctx, opts)
		if err == nil {
			return client, nil
		}
		errs = append(errs, fmt.Errorf("connect to %s: %w", addr, err))
	}
	return nil, errors.Join(errs...)
}

// dialer is clickhouse-go's way to connect as ch-go wants it.
type dialer func(ctx context.Context, addr string) (net.Conn, error)

// DialContext connects.
func (d dialer) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	return d(ctx, addr)
}

// revision of the protocol is the last in which every column comes as its type says: in later ones those that are mostly
// empty may come in a form that ch-go does not read (DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION).
const revision = 54453

func compression(c *clickhouse.Compression) ch.Compression {
	if c == nil {
		return ch.CompressionDisabled
	}
	switch c.Method {
	case clickhouse.CompressionLZ4, clickhouse.CompressionLZ4HC:
		return ch.CompressionLZ4
	case clickhouse.CompressionZSTD:
		return ch.CompressionZSTD
	}
	return ch.CompressionDisabled
}

func settings(of clickhouse.Settings) []ch.Setting {
	var out []ch.Setting
	for name, value := range of {
		if custom, ok := value.(clickhouse.CustomSetting); ok {
			out = append(out, ch.Setting{Key: name, Value: custom.Value, Custom: true})
			continue
		}
		out = append(out, ch.Setting{Key: name, Value: fmt.Sprint(value), Important: true})
	}
	return out
}
