// Package tour shows Parley at work on the sample data, and checks every number that it shows: a server in a
// process and a folder of its own, all calls sent, waited for, found again in ClickHouse, and held against what the
// backend executed. With Config.Kill the server is killed in the middle, and nothing may be lost or done twice.
//
// The sample data is generated (package samples) rather than read: these are the same bytes as in deploy/samples,
// they are there wherever the program runs, and what must come of them is known.
package tour

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"parley/internal/cli/clickhouse"
	"parley/internal/cli/client"
	"parley/internal/cli/submit"
	"parley/internal/samples"
)

// Config says how the tour goes.
type Config struct {
	// Program is the path of parley.
	Program string
	// Brokers are the addresses of a Kafka cluster, on which Parley makes topics of its own and leaves them. Empty: it
	// brings its broker.
	Brokers []string
	// Kill is whether the server is killed in the middle of the submission.
	Kill bool
	// Halfway is done then, after the kill if there is one. Nil: nothing is.
	Halfway func(ctx context.Context) error
	// Out receives what a visitor reads.
	Out io.Writer
	// Progress is told how far a step is.
	Progress func(step string, done, total int)
	// Table writes the answer to an SQL statement.
	Table func(clickhouse.Answer) string
}

// ErrFailed says that a number was not as it must be; which one has been written.
var ErrFailed = errors.New("the tour found what must not be")

// The longest time between two parts, short so that the visitor need not wait for conversations that never get
// complete; with a kill longer than a restart takes, as that is between parts, too.
const (
	partTimeout     = 3 * time.Second
	partTimeoutKill = 15 * time.Second
)

// tour is one on its way.
type tour struct {
	cfg     Config
	dir     string
	lines   []byte
	expect  samples.Counts
	backend *executor // nil: the server runs it
	server  *server
	parley  *client.Client
	answers *clickhouse.Server

	report  submit.Report
	outcome submit.Outcome
}

// Run takes the tour. It leaves nothing behind.
func Run(ctx context.Context, cfg Config) (err error) {
	t := &tour{cfg: cfg}
	if t.dir, err = os.MkdirTemp("", "parley-demo-"); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(t.dir)) }()
	if len(cfg.Brokers) > 0 {
		if t.backend, err = newExecutor(t.dir); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.backend.close()) }()
	}
	if err := t.prepare(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.server.stop()) }()
	defer t.parley.Close()
	for _, step := range []func(context.Context) error{t.start, t.submit, t.wait, t.store, t.show, t.check} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *tour) say(format string, args ...any) { fmt.Fprintf(t.cfg.Out, format+"\n", args...) }

func (t *tour) prepare() (err error) {
	var file bytes.Buffer
	if t.expect, err = samples.Generate(&file); err != nil {
		return err
	}
	t.lines = file.Bytes()
	timeout := partTimeout
	if t.cfg.Kill || t.cfg.Halfway != nil {
		timeout = partTimeoutKill
	}
	if t.server, err = newServer(t.cfg.Program, t.dir, timeout); err != nil {
		return err
	}
	if t.backend != nil {
		if err := t.server.useCluster(t.cfg.Brokers, t.backend.addr()); err != nil {
			return err
		}
	}
	if t.parley, err = client.New(client.Config{URL: "http://" + t.server.http}); err != nil {
		return err
	}
	t.answers, err = clickhouse.Parse("http://"+t.server.query, "parley")
	return err
}

func (t *tour) start(ctx context.Context) error {
	if t.backend == nil {
		t.say("Starting Parley, with Kafka, ClickHouse and a backend, in %s", t.dir)
	} else {
		t.say("Starting Parley, with ClickHouse and a backend, in %s; Kafka is %s", t.dir, strings.Join(t.cfg.Brokers, ","))
	}
	began := time.Now()
	if err := t.server.start(ctx); err != nil {
		return err
	}
	t.say("  ready after %s: http://%s", time.Since(began).Round(time.Millisecond), t.server.http)
	return nil
}

// submit sends all calls, one request after the other. What shall happen halfway begins when half of them are
// acknowledged.
func (t *tour) submit(ctx context.Context) (err error) {
	t.say("\nSubmitting %d calls of %d conversations, their parts in any order, %d of them sent twice",
		t.expect.Lines, t.expect.Conversations, t.expect.Resent)
	var disaster once
	t.report, err = submit.Send(ctx, submit.Config{
		Client: t.parley, BatchCalls: 100, Concurrency: 1, Key: filepath.Base(t.dir), RetryFor: startWait, Keep: true,
		Progress: func(r submit.Report) {
			t.cfg.Progress("submitting", r.Accepted, t.expect.Lines)
			if r.Accepted > t.expect.Lines/2 {
				disaster.run(func() error { return t.halfway(ctx, r.Accepted) })
			}
		},
	}, bytes.NewReader(t.lines))
	if err := errors.Join(err, disaster.wait()); err != nil {
		return err
	}
	t.say("  accepted %d in %s", t.report.Accepted, t.report.Took.Round(time.Millisecond))
	return nil
}

func (t *tour) halfway(ctx context.Context, accepted int) error {
	if t.cfg.Kill {
		if err := t.killAndRestart(ctx, accepted); err != nil {
			return err
		}
	}
	if t.cfg.Halfway != nil {
		return t.cfg.Halfway(ctx)
	}
	return nil
}

func (t *tour) killAndRestart(ctx context.Context, accepted int) error {
	t.say("  kill -9 after %d calls", accepted)
	if err := t.server.kill(); err != nil {
		return err
	}
	began := time.Now()
	if err := t.server.start(ctx); err != nil {
		return err
	}
	t.say("  started again, ready after %s", time.Since(began).Round(time.Millisecond))
	return nil
}

// once runs something once, beside who asked for it.
type once struct {
	first sync.Once
	done  chan struct{}
	err   error
}

func (o *once) run(f func() error) {
	o.first.Do(func() {
		o.done = make(chan struct{})
		go func() {
			defer close(o.done)
			o.err = f()
		}()
	})
}

// wait returns when it is over, if it was begun.
func (o *once) wait() error {
	if o.done == nil {
		return nil
	}
	<-o.done
	return o.err
}

// endWait bounds the wait for the end of all calls.
const endWait = 3 * time.Minute

func (t *tour) wait(ctx context.Context) (err error) {
	t.say("\nWaiting until all have ended; %d conversations lack a part, and end by the part timeout", t.expect.ConversationsStaging)
	ctx, cancel := context.WithTimeoutCause(ctx, endWait, fmt.Errorf("not all calls have ended within %s", endWait))
	defer cancel()
	began := time.Now()
	t.outcome, err = submit.Wait(ctx, t.parley, t.report.Receipts, func(ended int) { t.cfg.Progress("waiting", ended, t.expect.Calls()) })
	if err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	t.say("  ended %d calls in %s", t.outcome.Ended(), time.Since(began).Round(time.Millisecond))
	return nil
}
