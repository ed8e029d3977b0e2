package tour

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"parley/internal/backend"
)

// executor is the demo backend, where no server runs it: they do so beside a broker of their own alone.
type executor struct {
	backend  *backend.Backend
	listener net.Listener
	stop     context.CancelFunc
	ended    chan error // one: how it did
}

// newExecutor starts a backend that keeps its journal in a folder.
func newExecutor(dir string) (*executor, error) {
	b, err := backend.New(backend.Config{Journal: filepath.Join(dir, journalName)})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start backend: %w", err), b.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	e := &executor{backend: b, listener: l, stop: stop, ended: make(chan error, 1)}
	go func() { e.ended <- b.Serve(ctx, l) }()
	return e, nil
}

func (e *executor) addr() string { return e.listener.Addr().String() }

// close returns when it has answered what was asked.
func (e *executor) close() error {
	e.stop()
	return errors.Join(<-e.ended, e.backend.Close())
}
