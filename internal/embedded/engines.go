package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"parley/internal/embedded/chdb"
)

// Engines are the running child processes. Its methods may be called from several goroutines.
type Engines struct {
	closeWait time.Duration
	lock      *os.File
	processes []*process

	watching sync.WaitGroup
	closing  chan struct{}
	done     chan struct{}
	fail     sync.Once
	failure  error // before done is closed

	close func() error
}

// Start runs the engines that cfg names and returns when all of them serve. It waits for those of an earlier
// run on the same folder to end. ctx bounds the start alone. Errors are *FolderError, *AddrInUseError,
// *chdb.NotFoundError, or of an engine that did not open; nothing is left running.
func Start(ctx context.Context, cfg Config) (*Engines, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure embedded engines: %w", err)
	}
	cfg = cfg.withDefaults()
	if cfg.ClickHouseAddr != "" {
		library, err := chdb.Find(cfg.Library)
		if err != nil {
			return nil, err
		}
		cfg.Library = library
	}
	if err := PrepareFolder(cfg.DataDir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(ctx, cfg.DataDir, cfg.LockWait, cfg.Log)
	if err != nil {
		return nil, err
	}
	e := &Engines{closeWait: cfg.CloseWait, lock: lock, closing: make(chan struct{}), done: make(chan struct{})}
	e.close = sync.OnceValue(e.shutdown)
	if err := e.start(ctx, cfg); err != nil {
		if closeErr := e.Close(); closeErr != nil {
			cfg.Log.Debug("close engines after a failed start", "error", closeErr) // the first error is the reason
		}
		return nil, err
	}
	cfg.Log.Info("embedded engines started", "folder", cfg.DataDir, "kafka", e.KafkaAddr(), "clickhouse", e.ClickHouseAddr(), "clickhouse_http", e.ClickHouseHTTPAddr())
	return e, nil
}

func (e *Engines) start(ctx context.Context, cfg Config) error {
	command, err := childCommand(cfg.Command)
	if err != nil {
		return err
	}
	for engine, child := range map[string]childConfig{
		engineKafka:      {Addr: cfg.KafkaAddr, FreeBytesMin: cfg.FreeBytesMin},
		engineClickHouse: {Addr: cfg.ClickHouseAddr, HTTPAddr: cfg.ClickHouseHTTPAddr, Library: cfg.Library},
	} {
		if child.Addr == "" {
			continue
		}
		if child.DataDir, err = engineFolder(cfg.DataDir, engine); err != nil {
			return err
		}
		p, err := spawn(command, engine, child, e.lock)
		if err != nil {
			return err
		}
		e.processes = append(e.processes, p)
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.StartWait)
	defer cancel()
	for _, p := range e.processes {
		if err := p.ready(ctx); err != nil {
			return err
		}
	}
	for _, p := range e.processes {
		e.watching.Go(func() { e.watch(p) })
	}
	return nil
}

// watch reports the end of a child that nobody asked to end.
func (e *Engines) watch(p *process) {
	select {
	case <-e.closing:
	case <-p.ended:
		select {
		case <-e.closing: // both at once: it was asked to
		default:
			e.fail.Do(func() {
				e.failure = p.unexpected()
				close(e.done)
			})
		}
	}
}

// Done is closed when an engine has ended by itself. Err says why.
func (e *Engines) Done() <-chan struct{} { return e.done }

// Err is why Done is closed; nil before.
func (e *Engines) Err() error {
	select {
	case <-e.done:
		return e.failure
	default:
		return nil
	}
}

// KafkaAddr is where the broker listens; empty without one.
func (e *Engines) KafkaAddr() string { return e.report(engineKafka).Addr }

// ClickHouseAddr is where ClickHouse speaks its native protocol; empty without one.
func (e *Engines) ClickHouseAddr() string { return e.report(engineClickHouse).Addr }

// ClickHouseHTTPAddr is where ClickHouse speaks HTTP; empty if nowhere.
func (e *Engines) ClickHouseHTTPAddr() string { return e.report(engineClickHouse).HTTPAddr }

// Brokers are the broker's addresses for a Kafka client; nil without a broker.
func (e *Engines) Brokers() []string {
	if addr := e.KafkaAddr(); addr != "" {
		return []string{addr}
	}
	return nil
}

// ClickHouseDSN is the data source name for a ClickHouse client, without a database; empty without ClickHouse.
func (e *Engines) ClickHouseDSN() string {
	if addr := e.ClickHouseAddr(); addr != "" {
		return "clickhouse://" + addr
	}
	return ""
}

// report is what the engine said when it opened; zero if it does not run.
func (e *Engines) report(engine string) childReport {
	for _, p := range e.processes {
		if p.engine == engine {
			return p.report
		}
	}
	return childReport{}
}

// Close ends the engines, all at once, and waits for them; clients should have ended before. One that does
// not end in time is killed, which the error says. Further calls return what the first returned.
func (e *Engines) Close() error { return e.close() }

func (e *Engines) shutdown() error {
	close(e.closing)
	e.watching.Wait()
	errs := make([]error, len(e.processes)+1)
	var closing sync.WaitGroup
	for i, p := range e.processes {
		closing.Go(func() { errs[i] = p.close(e.closeWait) })
	}
	closing.Wait()
	errs[len(e.processes)] = e.lock.Close()
	return errors.Join(errs...)
}
