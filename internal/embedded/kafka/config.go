package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Defaults of Config.
const (
	DefaultAddr            = "127.0.0.1:9092"
	DefaultBatchBytesMax   = 8 << 20
	DefaultFreeBytesMin    = 256 << 20
	DefaultCompactBytesMin = 64 << 20
	DefaultIdleAfter       = 5 * time.Second
)

// Config says where the broker listens and keeps its data, and where its limits are.
type Config struct {
	// Addr is the host:port to listen on and to tell clients. Port 0 takes a free one. The host must
	// be one that clients can connect to, so an unspecified one (0.0.0.0, ::) is refused.
	// Empty: DefaultAddr.
	Addr string

	// DataDir is the broker's own folder, created when absent. Required.
	DataDir string

	// BatchBytesMax is the largest record batch, as sent, that is taken: the topic setting
	// max.message.bytes of topics that do not set it. A call may have 1 MiB; the record of its result
	// and of its state is larger. Zero: DefaultBatchBytesMax.
	BatchBytesMax int

	// FreeBytesMin is the free disk space under which records are refused with KAFKA_STORAGE_ERROR.
	// Records of a transaction are refused under a quarter of it, so that what was accepted can still
	// be carried out and recorded. Zero: DefaultFreeBytesMin. Negative: no limit.
	FreeBytesMin int64

	// CompactBytesMin is the size under which the compacted topics, taken together, are left alone.
	// Above it they are compacted when they have doubled since the last time.
	// Zero: DefaultCompactBytesMin.
	CompactBytesMin int64

	// IdleAfter is how long nobody may have produced before topics are compacted.
	// Zero: DefaultIdleAfter.
	IdleAfter time.Duration

	// Log receives what an operator should know. Nil: nothing is logged.
	Log *slog.Logger
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if c.DataDir == "" {
		errs = append(errs, errors.New("data folder is empty"))
	}
	if c.Addr != "" {
		errs = append(errs, validateAddr(c.Addr))
	}
	if c.BatchBytesMax < 0 || c.BatchBytesMax > requestBytesMax/2 {
		errs = append(errs, fmt.Errorf("batch bytes %d is not between 0 and %d", c.BatchBytesMax, requestBytesMax/2))
	}
	if c.CompactBytesMin < 0 {
		errs = append(errs, fmt.Errorf("compact bytes %d is negative", c.CompactBytesMin))
	}
	if c.IdleAfter < 0 {
		errs = append(errs, fmt.Errorf("idle time %s is negative", c.IdleAfter))
	}
	return errors.Join(errs...)
}

func validateAddr(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen address %q is not host:port", addr)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("listen address %q names no host that clients could be sent to; use one, such as %s", addr, DefaultAddr)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = DefaultAddr
	}
	if c.BatchBytesMax == 0 {
		c.BatchBytesMax = DefaultBatchBytesMax
	}
	if c.FreeBytesMin == 0 {
		c.FreeBytesMin = DefaultFreeBytesMin
	}
	if c.CompactBytesMin == 0 {
		c.CompactBytesMin = DefaultCompactBytesMin
	}
	if c.IdleAfter == 0 {
		c.IdleAfter = DefaultIdleAfter
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
