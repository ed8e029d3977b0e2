package clickhouse

import (
	"errors"
	"log/slog"
	"net"
	"time"
)

// Config says what a Server serves, where, and within which limits.
type Config struct {
	// Library is the path of libchdb, see chdb.Find. Required.
	Library string
	// DataDir is the folder of the databases. It is made if it does not exist. One process at a time may
	// use it. Required.
	DataDir string
	// Addr is where the native protocol is served, e.g. 127.0.0.1:9000; port 0 takes a free one. Required.
	Addr string
	// HTTPAddr is where the HTTP interface is served. Empty: nowhere.
	HTTPAddr string
	// Log receives what an operator wants to know. nil: nothing is logged.
	Log *slog.Logger

	// ConnectionsMax bounds the clients at a time, native connections and HTTP requests together. 0: 256.
	ConnectionsMax int
	// QueryBytesMax bounds the text of a statement, inline data included. 0: 64 MiB.
	QueryBytesMax int
	// BlockBytesMax bounds a block that a native client sends, uncompressed. 0: 256 MiB.
	BlockBytesMax int
	// MemoryBytesMax bounds what the engine takes; a query above it fails with code 241. 0: half of the machine's memory.
	MemoryBytesMax int64
	// IdleTimeout closes a native connection without a query. 0: an hour.
	IdleTimeout time.Duration
	// IOTimeout bounds how long a client may keep the server waiting in the middle of a packet, or by not
	// reading an answer. 0: five minutes.
	IOTimeout time.Duration
}

// handshakeTimeout bounds the time from connecting to the end of the hello.
const handshakeTimeout = 10 * time.Second

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&c.ConnectionsMax, 256)
	setDefault(&c.QueryBytesMax, 64<<20)
	setDefault(&c.BlockBytesMax, 256<<20)
	setDefault(&c.IdleTimeout, time.Hour)
	setDefault(&c.IOTimeout, 5*time.Minute)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports all that is wrong.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, message string) {
		if !ok {
			errs = append(errs, errors.New(message))
		}
	}
	check(c.Library != "", "Library is empty: the path of libchdb is needed")
	check(c.DataDir != "", "DataDir is empty: a folder for the databases is needed")
	check(isAddress(c.Addr), "Addr is not host:port")
	check(c.HTTPAddr == "" || isAddress(c.HTTPAddr), "HTTPAddr is not host:port")
	check(c.ConnectionsMax >= 0 && c.QueryBytesMax >= 0 && c.BlockBytesMax >= 0 && c.MemoryBytesMax >= 0, "a limit is negative")
	check(c.IdleTimeout >= 0 && c.IOTimeout >= 0, "a timeout is negative")
	return errors.Join(errs...)
}

func isAddress(addr string) bool {
	_, _, err := net.SplitHostPort(addr)
	return err == nil
}
