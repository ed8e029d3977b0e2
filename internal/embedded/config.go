package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Where the engines listen unless they are told.
const (
	DefaultKafkaAddr          = "127.0.0.1:9092"
	DefaultClickHouseAddr     = "127.0.0.1:9000"
	DefaultClickHouseHTTPAddr = "127.0.0.1:8123"
)

// Settings that errors name, as the person who reads them knows them.
const (
	settingDataDir            = "PARLEY_DATA_DIR"
	settingKafkaAddr          = "PARLEY_EMBEDDED_KAFKA_ADDR"
	settingClickHouseAddr     = "PARLEY_EMBEDDED_CLICKHOUSE_ADDR"
	settingClickHouseHTTPAddr = "PARLEY_EMBEDDED_CLICKHOUSE_HTTP_ADDR"
)

// Config says which engines run, where, and on which folder.
type Config struct {
	// DataDir is the data folder, see PrepareFolder. Required.
	DataDir string

	// KafkaAddr is the broker's host:port; port 0 takes a free one. Empty: no broker.
	KafkaAddr string

	// ClickHouseAddr is the host:port of the native protocol, ClickHouseHTTPAddr of the HTTP interface;
	// port 0 takes a free one. Empty: no ClickHouse, or none by HTTP.
	ClickHouseAddr     string
	ClickHouseHTTPAddr string

	// Library is the path of the ClickHouse engine. Empty: where the build puts it.
	Library string

	// FreeBytesMin is the free disk space under which the broker takes no new records.
	// Zero: kafka.DefaultFreeBytesMin. Negative: no limit.
	FreeBytesMin int64

	// Command is the program, and arguments, that calls RunChild; the engine's name is added.
	// Empty: this program with the argument "engine".
	Command []string

	// LockWait bounds how long Start waits for the engines of an earlier run on the same folder.
	// Zero: 30 seconds.
	LockWait time.Duration

	// StartWait bounds how long an engine may take to open, which grows with its data.
	// Zero: two minutes.
	StartWait time.Duration

	// CloseWait bounds how long an engine may take to close; then it is killed. Zero: 30 seconds.
	CloseWait time.Duration

	// Log receives what an operator should know. Nil: nothing is logged. The engines log by themselves,
	// to the standard error of this process.
	Log *slog.Logger
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if c.DataDir == "" {
		errs = append(errs, fmt.Errorf("data folder is empty; set %s", settingDataDir))
	}
	for _, a := range []struct{ setting, addr string }{
		{settingKafkaAddr, c.KafkaAddr},
		{settingClickHouseAddr, c.ClickHouseAddr},
		{settingClickHouseHTTPAddr, c.ClickHouseHTTPAddr},
	} {
		if _, _, err := net.SplitHostPort(a.addr); a.addr != "" && err != nil {
			errs = append(errs, fmt.Errorf("%s is %q, not host:port", a.setting, a.addr))
		}
	}
	if c.LockWait < 0 || c.StartWait < 0 || c.CloseWait < 0 {
		errs = append(errs, errors.New("a time to wait is negative"))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	setDefault(&c.LockWait, 30*time.Second)
	setDefault(&c.StartWait, 2*time.Minute)
	setDefault(&c.CloseWait, 30*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}
