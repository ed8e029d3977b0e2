package tour

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is parley serve in a process of its own, which can be killed and started again.
type server struct {
	program string
	dir     string
	http    string // host:port
	query   string // host:port of ClickHouse by HTTP
	args    []string

	process *exec.Cmd
	exited  chan error // one: how the process ended
}

// newServer chooses ports for a Parley in a folder.
func newServer(program, dir string, partTimeout time.Duration) (*server, error) {
	addrs, err := Addrs(5)
	if err != nil {
		return nil, err
	}
	return &server{
		program: program,
		dir:     dir,
		http:    addrs[0],
		query:   addrs[3],
		args: []string{
			"serve",
			"--http-addr", addrs[0],
			"--embedded-kafka-addr", addrs[1],
			"--embedded-clickhouse-addr", addrs[2],
			"--embedded-clickhouse-http-addr", addrs[3],
			"--backend-addr", addrs[4],
			"--backend-journal", filepath.Join(dir, journalName),
			"--data-dir", filepath.Join(dir, "data"),
			"--part-timeout", partTimeout.String(),
			"--forward-grace", "1s",
			"--log-format", "text",
		},
	}, nil
}

// useCluster has the server use a Kafka cluster, in topics that nobody else has, and a backend.
func (s *server) useCluster(brokers []string, backendAddr string) error {
	routes := filepath.Join(s.dir, "routes.yaml")
	text := fmt.Sprintf("routes:\n- name: demo\n  executor: {type: http, url: \"http://%s/calls\"}\n", backendAddr)
	if err := os.WriteFile(routes, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write routes: %w", err)
	}
	s.args = append(s.args,
		"--kafka-brokers", strings.Join(brokers, ","),
		"--topic-prefix", "demo-"+rand.Text()[:8],
		"--partitions", "8",
		"--routes", routes,
		"--secret", rand.Text(),
		"--auth", "none",
	)
	return nil
}

const (
	journalName = "executed.jsonl"
	logName     = "serve.log"
)

// startWait bounds the wait for a server to be ready.
const startWait = 90 * time.Second

// start runs the server and returns when it is ready.
func (s *server) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(s.dir, logName), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	cmd := exec.Command(s.program, s.args...) //nolint:noctx // stop and kill end it
	cmd.Env = environment(os.Environ())
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us: we stop it
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		return fmt.Errorf("start parley serve: %w", err)
	}
	s.process, s.exited = cmd, make(chan error, 1)
	go func() { s.exited <- cmd.Wait() }()
	return s.awaitReady(ctx)
}

// environment is the one that the server gets: no settings but where the engine is, which all have to know.
func environment(environ []string) []string {
	var kept []string
	for _, e := range environ {
		if !strings.HasPrefix(e, "PARLEY_") || strings.HasPrefix(e, "PARLEY_CHDB_LIB=") {
			kept = append(kept, e)
		}
	}
	return kept
}

func (s *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWait, fmt.Errorf("parley serve was not ready within %s", startWait))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-s.exited:
			s.exited <- err
			return fmt.Errorf("parley serve ended: %w\n%s", err, s.lastWords())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			if Ready(ctx, s.http) {
				return nil
			}
		}
	}
}

// Ready reports whether the node at an address can accept calls.
func Ready(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}

// lastWords is the end of the log.
func (s *server) lastWords() string {
	text, err := os.ReadFile(filepath.Join(s.dir, logName))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// kill ends the server at once, as a power cut would.
func (s *server) kill() error {
	if err := s.process.Process.Kill(); err != nil {
		return fmt.Errorf("kill parley serve: %w", err)
	}
	s.exited <- <-s.exited
	return nil
}

// stopWait is a little more than what serve takes at most.
const stopWait = 20 * time.Second

// stop ends the server as Ctrl-C does, and returns when it has ended. A server that does not run is stopped.
func (s *server) stop() error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop parley serve: %w", err)
	}
	timer := time.NewTimer(stopWait)
	defer timer.Stop()
	select {
	case err := <-s.exited:
		s.process = nil
		if err != nil {
			return fmt.Errorf("parley serve did not end well: %w\n%s", err, s.lastWords())
		}
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("parley serve did not end within %s", stopWait), s.kill())
	}
}
