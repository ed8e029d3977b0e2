// Package submit sends a file of calls to Parley and waits for what becomes of them.
package submit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/internal/cli/client"
	"parley/internal/pause"
)

// Config says how a file is sent. Fields without a default are required.
type Config struct {
	Client *client.Client
	// BatchCalls is how many calls go into one request, from 1 to 10,000.
	BatchCalls int
	// Concurrency is how many requests are under way at once, from 1. With 1, calls arrive in the order of the file.
	Concurrency int
	// Key begins the Idempotency-Key of every request. A file that is sent again with the same key and BatchCalls
	// consists of the same calls.
	Key string
	// RetryFor bounds how long one request is tried again while Parley cannot take it. Zero: one attempt.
	RetryFor time.Duration
	// Keep is whether the report has the receipts of all calls, for Wait: about 300 bytes each.
	Keep bool
	// Progress is told after each request how much of the file has been read for what was answered so far. Nil:
	// nobody is told. It is called by one goroutine at a time.
	Progress func(Report)
}

// Send sends all calls of a file. It ends when the file does, or with the first request that Parley does not take in
// time; the report says what had been answered by then.
func Send(ctx context.Context, cfg Config, file io.Reader) (Report, error) {
	began := time.Now()
	s := &sending{cfg: cfg}
	group, ctx := errgroup.WithContext(ctx)
	todo := make(chan batch) // none is read ahead but what the workers hold
	group.Go(func() error {
		defer close(todo)
		return read(ctx, newBatches(file, cfg.BatchCalls), todo)
	})
	for range cfg.Concurrency {
		group.Go(func() error {
			for b := range todo {
				if err := s.send(ctx, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	s.report.Took = time.Since(began)
	return s.report, err
}

func read(ctx context.Context, from *batches, todo chan<- batch) error {
	for {
		b, err := from.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case todo <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send sends one batch until it is taken. As long as a limit lets some calls of it through, it is not given up.
func (s *sending) send(ctx context.Context, b batch) error {
	key := fmt.Sprintf("%s-%d", s.cfg.Key, b.number)
	deadline := time.Now().Add(s.cfg.RetryFor)
	for attempt := 0; ; attempt++ {
		receipts, err := s.cfg.Client.Post(ctx, b.body, len(b.lines), key)
		if err == nil {
			s.add(b, b.settle(receipts))
			return nil
		}
		if before := b.open(); receipts != nil {
			b.settle(receipts)
			if b.open() < before {
				attempt, deadline = 0, time.Now().Add(s.cfg.RetryFor)
			}
		}
		away, ok := errors.AsType[*client.UnavailableError](err)
		wait := backoff(attempt)
		if ok {
			wait = max(wait, away.After)
		}
		if !ok || time.Now().Add(wait).After(deadline) {
			return fmt.Errorf("lines %d to %d: %w", b.lines[0], b.lines[len(b.lines)-1], err)
		}
		if err := pause.For(ctx, wait); err != nil {
			return err
		}
	}
}

// backoff is how long to wait before another attempt: 100 ms, then twice as long each time, up to 2 s.
func backoff(attempt int) time.Duration {
	return min(100*time.Millisecond<<min(attempt, 10), 2*time.Second)
}
