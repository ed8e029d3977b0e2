// Package clickhouse serves the embedded ClickHouse engine to other programs, through the native protocol
// and the HTTP interface of a ClickHouse server, so that clickhouse-go, curl and the like connect as to
// any server. The engine is the real one (package chdb); this package speaks the protocols, keeps a session
// per client, and passes statements, blocks and exceptions through as they are.
//
// What it leaves to a full server: users other than default, TLS, totals and extremes as
// packets of their own, and AggregateFunction columns in format Native, whose states have no length: they are read with
// finalizeAggregation or the -Merge functions.
package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/internal/embedded/chdb"
)

// Server is a ClickHouse server. A process runs one at a time, since it has one engine.
type Server struct {
	cfg    Config
	lib    *chdb.Library
	folder *os.File // holds the lock
	dir    string   // absolute DataDir
	engine engineInfo
	killer *killer
	own    map[string]string // settings that every session starts with

	sessions *webSessions
	queryIDs *queryIDs

	native net.Listener
	web    net.Listener // nil without HTTPAddr

	slots  chan struct{}  // a place per client
	opened atomic.Uint64  // sessions, numbered for their tags
	work   sync.WaitGroup // native connections and HTTP requests
	end    sync.Once

	mu     sync.Mutex
	closed bool
	cancel context.CancelFunc // of Serve, ends every query; nil before
	http   *http.Server       // of Serve; nil before
	conns  map[net.Conn]struct{}
}

// Open locks the data folder, starts the engine and listens. Connections wait until Serve is called.
// Errors name the setting that is at fault; ErrInUse, ErrForeign, *chdb.NotFoundError and syscall.EADDRINUSE are
// among their causes. A failed Open closes what it opened.
func Open(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	s := &Server{cfg: cfg.withDefaults(), conns: map[net.Conn]struct{}{}}
	s.slots = make(chan struct{}, s.cfg.ConnectionsMax)
	s.sessions = &webSessions{srv: s, byID: map[string]*webSession{}}
	s.queryIDs = &queryIDs{tags: map[string]string{}}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open ClickHouse: %w", err), s.Close())
	}
	return s, nil
}

func (s *Server) open() error {
	path, err := chdb.Find(s.cfg.Library)
	if err != nil {
		return err
	}
	if s.dir, err = filepath.Abs(s.cfg.DataDir); err != nil {
		return fmt.Errorf("locate data folder: %w", err)
	}
	if s.folder, err = lockFolder(s.dir); err != nil {
		return err
	}
	if s.native, err = net.Listen("tcp", s.cfg.Addr); err != nil {
		return fmt.Errorf("native protocol: %w", err)
	}
	if s.cfg.HTTPAddr != "" {
		if s.web, err = net.Listen("tcp", s.cfg.HTTPAddr); err != nil {
			return fmt.Errorf("HTTP interface: %w", err)
		}
	}
	if s.lib, err = chdb.Load(path); err != nil {
		return err
	}
	return s.startEngine()
}

// startEngine opens the connection that keeps the engine alive and kills queries.
func (s *Server) startEngine() error {
	config, err := writeConfig(s.dir, s.cfg.MemoryBytesMax)
	if err != nil {
		return err
	}
	conn, err := s.lib.Connect(append(s.sessionArgs("control"), "--config-file="+config, "--log-level=error")...)
	if err != nil {
		return fmt.Errorf("start engine on %s: %w; see %s there, and mind that a process runs one engine", s.dir, err, logName)
	}
	s.killer = &killer{conn: conn, log: s.cfg.Log}
	if s.engine, err = askEngine(conn); err != nil {
		return err
	}
	if s.own, err = changedSettings(conn); err != nil {
		return err
	}
	s.cfg.Log.Info("ClickHouse started", "version", s.engine.version, "addr", s.Addr(), "http", s.HTTPAddr(), "folder", s.dir)
	return nil
}

// sessionArgs are the arguments of a connection. The engine's defaults are those of clickhouse-local;
// these are the server's.
func (s *Server) sessionArgs(tag string) []string {
	return []string{"--path=" + s.dir, "--implicit_select=0", "--allow_introspection_functions=0", "--" + tagSetting + "=" + tag}
}

// Addr is where the native protocol is served.
func (s *Server) Addr() string { return s.native.Addr().String() }

// HTTPAddr is where the HTTP interface is served; empty without one.
func (s *Server) HTTPAddr() string {
	if s.web == nil {
		return ""
	}
	return s.web.Addr().String()
}

// Serve answers clients until Close. It returns nil after Close, else why it cannot go on. It is called once.
func (s *Server) Serve() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	web := newHTTPServer(ctx, s)
	if !s.begin(cancel, web) {
		return nil
	}
	var g errgroup.Group
	g.Go(func() error {
		return errors.Join(s.serveNative(ctx), s.closeListeners())
	})
	if s.web != nil {
		g.Go(func() error {
			err := ignoreClosed(web.Serve(s.web))
			if errors.Is(err, http.ErrServerClosed) {
				err = nil
			}
			return errors.Join(err, s.closeListeners())
		})
		g.Go(func() error {
			s.sessions.sweep(ctx)
			return nil
		})
	}
	return g.Wait()
}

// begin keeps what Close needs to end Serve. It fails after Close.
func (s *Server) begin(cancel context.CancelFunc, web *http.Server) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel, s.http = cancel, web
	return !s.closed
}

// Close stops listening, cancels running queries, waits for their end, and stops the engine, so that
// everything is on disk and the folder is free when it returns. Repeating it does nothing.
func (s *Server) Close() error {
	var err error
	s.end.Do(func() {
		err = errors.Join(s.closeListeners(), s.closeClients())
		s.work.Wait()
		s.sessions.end(time.Now().Add(sessionTimeoutMax))
		if s.killer != nil {
			s.killer.conn.Close()
		}
		if s.folder != nil {
			err = errors.Join(err, s.folder.Close())
		}
		s.cfg.Log.Info("ClickHouse stopped")
	})
	return err
}

func (s *Server) closeListeners() error {
	var errs []error
	for _, l := range []net.Listener{s.native, s.web} {
		if l != nil {
			errs = append(errs, ignoreClosed(l.Close()))
		}
	}
	return errors.Join(errs...)
}

// closeClients cancels all queries and closes all connections.
func (s *Server) closeClients() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	if s.cancel != nil {
		s.cancel()
		errs = append(errs, ignoreClosed(s.http.Close()))
	}
	for conn := range s.conns {
		errs = append(errs, ignoreClosed(conn.Close()))
	}
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// newSession opens a session with the engine.
func (s *Server) newSession() (*session, error) {
	tag := "session-" + strconv.FormatUint(s.opened.Add(1), 10)
	conn, err := s.lib.Connect(s.sessionArgs(tag)...)
	if err != nil {
		return nil, fmt.Errorf("open session: %w", err)
	}
	own := maps.Clone(s.own)
	own[tagSetting] = tag
	return &session{conn: conn, tag: tag, killer: s.killer, log: s.cfg.Log, own: own, lent: map[string]string{}}, nil
}

// authenticate admits the one user that the engine has.
func authenticate(user, password string) error {
	if (user == "" || user == "default") && password == "" {
		return nil
	}
	return exceptionf(codeAuthenticationError,
		"%s: Authentication failed: the embedded server has the user default, without password", user)
}
