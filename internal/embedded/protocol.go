package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// The engines, as the child's argument names them.
const (
	engineKafka      = "kafka"
	engineClickHouse = "clickhouse"
)

// childConfig is what a child is told: one line of JSON on its standard input.
type childConfig struct {
	DataDir  string `json:"dataDir"` // the engine's own folder
	Addr     string `json:"addr"`
	HTTPAddr string `json:"httpAddr,omitempty"`
	Library  string `json:"library,omitempty"`

	FreeBytesMin int64 `json:"freeBytesMin,omitempty"` // as in kafka.Config
}

// childReport is what a child answers: one line of JSON on its standard output.
type childReport struct {
	// Addr and HTTPAddr are where the engine really listens.
	Addr     string `json:"addr,omitempty"`
	HTTPAddr string `json:"httpAddr,omitempty"`

	// Error is why the engine did not open; the child ends after that.
	Error string `json:"error,omitempty"`

	// AddrInUse is the address that another program has, if that is the reason.
	AddrInUse string `json:"addrInUse,omitempty"`
}

// AddrInUseError says that an engine cannot have the address that was set for it.
type AddrInUseError struct {
	Engine  string // kafka or clickhouse
	Addr    string
	Setting string // the environment variable that says another
}

// Error says everything in one line.
func (e *AddrInUseError) Error() string {
	return fmt.Sprintf("address %s of the embedded %s is in use; stop the program that listens there, or set %s to another", e.Addr, e.Engine, e.Setting)
}

// Is makes the error one with syscall.EADDRINUSE.
func (e *AddrInUseError) Is(target error) bool { return target == syscall.EADDRINUSE }

// failureReport is the report of an engine that did not open.
func failureReport(err error) childReport {
	r := childReport{Error: err.Error()}
	var op *net.OpError
	if errors.As(err, &op) && errors.Is(err, syscall.EADDRINUSE) && op.Addr != nil {
		r.AddrInUse = op.Addr.String()
	}
	return r
}

// err is the report's error as the parent returns it; nil if the engine opened.
func (r childReport) err(engine string, cfg childConfig) error {
	switch {
	case r.AddrInUse != "":
		return &AddrInUseError{Engine: engine, Addr: r.AddrInUse, Setting: settingOf(engine, r.AddrInUse, cfg)}
	case r.Error != "":
		return fmt.Errorf("start embedded %s: %s", engine, r.Error) //nolint:err113 // it crossed a process boundary
	}
	return nil
}

func settingOf(engine, addr string, cfg childConfig) string {
	switch {
	case engine == engineKafka:
		return settingKafkaAddr
	case samePort(addr, cfg.HTTPAddr) && !samePort(addr, cfg.Addr):
		return settingClickHouseHTTPAddr
	}
	return settingClickHouseAddr
}

// samePort compares what was listened on with what was asked for, whose host may be a name.
func samePort(a, b string) bool {
	_, portA, errA := net.SplitHostPort(a)
	_, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB
}

// writeLine writes v as one line of JSON.
func writeLine(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %T: %w", v, err)
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write %T: %w", v, err)
	}
	return nil
}
