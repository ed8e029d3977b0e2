package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Backend is the demo backend, an http.Handler.
type Backend struct {
	cfg Config
	mux *http.ServeMux

	mu         sync.Mutex // all below: acting on a call, logging it and remembering the answer are one step
	store      store
	executions ring
	answers    fifo[answer] // the first one, by Idempotency-Key
	failures   fifo[int]    // attempts that were told to fail, by attempt.name
	fences     fifo[int64]  // the highest, by Execution.conversation
	journal    *journal     // nil without
	broken     error        // why nothing is executed any more

	late *deferrals
}

// New returns a backend that has executed what its journal says. Close it.
func New(cfg Config) (*Backend, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure backend: %w", err)
	}
	cfg = cfg.withDefaults()
	b := &Backend{
		cfg:        cfg,
		mux:        http.NewServeMux(),
		store:      store{objects: make(map[objectKey]*stored)},
		executions: ring{max: cfg.ExecutionsMax},
		answers:    newFIFO[answer](cfg.RepeatBytesMax),
		failures:   newFIFO[int](cfg.RepeatBytesMax),
		fences:     newFIFO[int64](cfg.RepeatBytesMax),
		late:       newDeferrals(cfg),
	}
	if cfg.Journal != "" {
		var err error
		if b.journal, err = openJournal(cfg.Journal, b.replay); err != nil {
			return nil, err
		}
	}
	b.mux.HandleFunc("POST /calls", b.handleCalls)
	b.mux.HandleFunc("GET /objects", b.handleObjects)
	b.mux.HandleFunc("GET /objects/{type}/{key...}", b.handleObject)
	b.mux.HandleFunc("GET /executions", b.handleExecutions)
	return b, nil
}

// ServeHTTP implements http.Handler.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.mux.ServeHTTP(w, r) }

// graceMax bounds how long Serve waits for the requests that are under way when it shall end.
const graceMax = 2 * time.Second

// Serve answers requests that come to l until ctx ends, and then those that are under way. It closes l.
func (b *Backend) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve backend: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceMax)
	defer cancel()
	err := server.Shutdown(grace)
	if err != nil {
		err = errors.Join(fmt.Errorf("shut backend down: %w", err), server.Close())
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

var errClosed = errors.New("backend is closed")

// Close closes the journal; the backend executes nothing any more, and answers nothing. Repeating it does nothing.
func (b *Backend) Close() error {
	b.mu.Lock()
	if b.broken == nil {
		b.broken = errClosed
	}
	b.mu.Unlock()
	b.late.close()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.journal == nil {
		return nil
	}
	err := b.journal.close()
	b.journal = nil
	return err
}
