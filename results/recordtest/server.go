package recordtest

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"parley/internal/embedded/chdb"
	embedded "parley/internal/embedded/clickhouse"
)

// What tells the test binary that it has been started to be a server, and which.
const (
	envServer = "PARLEY_TEST_CLICKHOUSE_SERVER" // the folder
	envAddr   = "PARLEY_TEST_CLICKHOUSE_ADDR"
	envMemory = "PARLEY_TEST_CLICKHOUSE_MEMORY"
)

// Server is a ClickHouse in a process of its own, which a test may kill and start again. One goroutine does so.
type Server struct {
	dir, addr string
	webAddr   string // of its HTTP interface, another one after each start
	cmd       *exec.Cmd
	stdin     io.Closer
	// MemoryBytesMax bounds the memory of the engine from the next start on. Zero: see embedded.Config.
	MemoryBytesMax int64
}

// NewServer starts a server for one test. It ends with the test.
func NewServer(tb testing.TB) *Server {
	tb.Helper()
	return startServer(tb, tb.TempDir())
}

func startServer(tb testing.TB, dir string) *Server {
	tb.Helper()
	s := &Server{dir: dir, addr: "127.0.0.1:0"}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Errorf("stop ClickHouse: %v", err)
		}
	})
	if err := s.Start(); err != nil {
		tb.Fatal(err)
	}
	return s
}

// DSN names a database of the server that need not be there.
func (s *Server) DSN(database string) string { return "clickhouse://" + s.addr + "/" + database }

// HTTP is the URL of the HTTP interface.
func (s *Server) HTTP() string { return "http://" + s.webAddr }

// Start starts the server, on the address and the folder that it had, and returns when it answers.
func (s *Server) Start() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find test binary: %w", err)
	}
	cmd := exec.Command(self) // it ends with its standard input, and cleanly
	cmd.Env = append(os.Environ(), envServer+"="+s.dir, envAddr+"="+s.addr, envMemory+"="+strconv.FormatInt(s.MemoryBytesMax, 10))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start ClickHouse: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start ClickHouse: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start ClickHouse: %w", err)
	}
	if _, err := fmt.Fscanln(stdout, &s.addr, &s.webAddr); err != nil {
		return fmt.Errorf("ClickHouse did not start: %w", errors.Join(err, stdin.Close(), cmd.Wait()))
	}
	s.cmd, s.stdin = cmd, stdin
	return nil
}

// Kill ends the process by SIGKILL, and waits for its end.
func (s *Server) Kill() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill ClickHouse: %w", err)
	}
	_ = s.cmd.Wait() // it was killed
	s.cmd = nil
	return nil
}

// Stop ends the process, unless it has ended.
func (s *Server) Stop() error {
	if s.cmd == nil {
		return nil
	}
	err := errors.Join(s.stdin.Close(), s.cmd.Wait())
	s.cmd = nil
	return err
}

// serve is the process of a server: it writes its address, and ends with its standard input.
func serve(dir string) error {
	library, err := chdb.Find(os.Getenv("PARLEY_CHDB_LIB"))
	if err != nil {
		return err
	}
	memory, err := strconv.ParseInt(os.Getenv(envMemory), 10, 64)
	if err != nil {
		return fmt.Errorf("read %s: %w", envMemory, err)
	}
	server, err := embedded.Open(embedded.Config{Library: library, DataDir: dir, Addr: os.Getenv(envAddr), HTTPAddr: "127.0.0.1:0", MemoryBytesMax: memory})
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	fmt.Println(server.Addr(), server.HTTPAddr()) // its standard output is the pipe to Start
	_, _ = io.Copy(io.Discard, os.Stdin)          // ends when the parent does
	return errors.Join(server.Close(), <-served)
}

// serveMain makes the test binary a server when Start has started it as one, and reports its exit code.
func serveMain() (code int, isServer bool) {
	dir := os.Getenv(envServer)
	if dir == "" {
		return 0, false
	}
	if err := serve(dir); err != nil {
		slog.Error("ClickHouse of the tests failed", "error", err)
		return 1, true
	}
	return 0, true
}
