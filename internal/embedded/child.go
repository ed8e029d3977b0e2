package embedded

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"

	"parley/internal/embedded/clickhouse"
	"parley/internal/embedded/kafka"
)

// engine is what a child runs.
type engine interface {
	report() childReport
	failed() <-chan error // yields why the engine cannot go on
	Close() error
}

// ErrReported is returned by RunChild when the engine did not open and the parent knows why: there is nothing
// more to say than an exit code that is not zero.
var ErrReported = errors.New("engine did not open, which was reported")

// RunChild is a child process from its beginning to its end: it opens the engine that name says and the first
// line of in configures, tells its parent on out, and closes it when in ends. It must be all that the
// process does: it makes the process deaf to the signals that end others.
func RunChild(name string, in io.Reader, out io.Writer, log *slog.Logger) error {
	// The parent decides when the engine ends, also where a terminal or a service manager signals all
	// processes. SIGPIPE: the parent's end of standard output and error may be gone before we have closed.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	log = log.With("engine", name)

	lines := bufio.NewReader(in)
	cfg, err := readConfig(lines)
	if err != nil {
		return err
	}
	e, err := openEngine(name, cfg, log)
	if err != nil {
		if writeErr := writeLine(out, failureReport(err)); writeErr != nil {
			return errors.Join(err, writeErr)
		}
		return ErrReported
	}
	if err := writeLine(out, e.report()); err != nil {
		return errors.Join(err, e.Close())
	}
	return serve(e, lines, log)
}

func readConfig(in *bufio.Reader) (childConfig, error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return childConfig{}, fmt.Errorf("read engine configuration: %w", err)
	}
	var cfg childConfig
	if err := json.Unmarshal(line, &cfg); err != nil {
		return childConfig{}, fmt.Errorf("read engine configuration: %w", err)
	}
	return cfg, nil
}

// serve waits for the end of in, or for the engine's own.
func serve(e engine, in io.Reader, log *slog.Logger) error {
	parentGone := make(chan error, 1) // nobody may be left to take it
	go func() {
		_, err := io.Copy(io.Discard, in)
		parentGone <- err
	}()
	var failure error
	select {
	case err := <-parentGone:
		log.Debug("engine closes", "pipe_error", err)
	case failure = <-e.failed():
		log.Error("engine failed", "error", failure)
	}
	return errors.Join(failure, e.Close())
}

func openEngine(name string, cfg childConfig, log *slog.Logger) (engine, error) {
	switch name {
	case engineKafka:
		b, err := kafka.Open(kafka.Config{Addr: cfg.Addr, DataDir: cfg.DataDir, FreeBytesMin: cfg.FreeBytesMin, Log: log})
		if err != nil {
			return nil, err
		}
		return kafkaEngine{b}, nil
	case engineClickHouse:
		return openClickHouse(cfg, log)
	}
	return nil, fmt.Errorf("engine %q is neither %s nor %s", name, engineKafka, engineClickHouse)
}

type kafkaEngine struct{ *kafka.Broker }

func (e kafkaEngine) report() childReport  { return childReport{Addr: e.Addr()} }
func (e kafkaEngine) failed() <-chan error { return e.Failed() }

// clickHouseEngine is a server and the goroutine that serves.
type clickHouseEngine struct {
	*clickhouse.Server
	ended chan error // what Serve returned; then closed
}

func openClickHouse(cfg childConfig, log *slog.Logger) (engine, error) {
	s, err := clickhouse.Open(clickhouse.Config{
		Library: cfg.Library, DataDir: cfg.DataDir, Addr: cfg.Addr, HTTPAddr: cfg.HTTPAddr, Log: log,
	})
	if err != nil {
		return nil, err
	}
	e := clickHouseEngine{Server: s, ended: make(chan error, 1)} // Close does not read it
	go func() {
		defer close(e.ended)
		e.ended <- s.Serve()
	}()
	return e, nil
}

func (e clickHouseEngine) report() childReport {
	return childReport{Addr: e.Addr(), HTTPAddr: e.HTTPAddr()}
}

func (e clickHouseEngine) failed() <-chan error { return e.ended }

func (e clickHouseEngine) Close() error {
	err := e.Server.Close()
	for range e.ended { // until closed: the goroutine is over
	}
	return err
}
