package clickhouse_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/internal/embedded/chdb"
	"parley/internal/embedded/clickhouse"
)

// childEnv makes the test binary a server on the folder that it names; childLimitsEnv gives it tight limits.
const (
	childEnv       = "PARLEY_TEST_CLICKHOUSE_CHILD"
	childLimitsEnv = "PARLEY_TEST_CLICKHOUSE_CHILD_LIMITS"
)

// runChild serves until SIGTERM or the end of standard input. It prints its address, or why it cannot serve.
func runChild(dir string) int {
	library, err := chdb.Find(os.Getenv("PARLEY_CHDB_LIB"))
	if err != nil {
		return fail(err)
	}
	cfg := clickhouse.Config{Library: library, DataDir: dir, Addr: "127.0.0.1:0"}
	if os.Getenv(childLimitsEnv) != "" {
		cfg.ConnectionsMax, cfg.MemoryBytesMax, cfg.QueryBytesMax, cfg.BlockBytesMax = 3, 2<<30, 1000, 1000
	}
	s, err := clickhouse.Open(cfg)
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	fmt.Println(s.Addr())
	<-term
	if err := errors.Join(s.Close(), <-served, s.Close()); err != nil {
		return fail(err)
	}
	fmt.Println("closed")
	return 0
}

// child is a server in a process of its own.
type child struct {
	cmd  *exec.Cmd
	out  *bufio.Scanner
	addr string
	conn driver.Conn
}

// startChild starts one and connects to it.
func startChild(t *testing.T, dir string, env ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(self)}
	c.cmd.Env = append(append(os.Environ(), childEnv+"="+dir), env...)
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it may have ended
		_ = c.cmd.Wait()
	})
	c.out = bufio.NewScanner(out)
	c.addr = c.line()
	if strings.HasPrefix(c.addr, "error:") {
		t.Fatal(c.addr)
	}
	c.conn = target{options: ch.Options{Addr: []string{c.addr}}}.connect(t)
	return c
}

// line is the next line of its output.
func (c *child) line() string {
	c.out.Scan()
	return c.out.Text()
}

func TestTermAndKill(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	c := startChild(t, dir)
	run := func(sql string) {
		t.Helper()
		if err := c.conn.Exec(context.Background(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	run("CREATE DATABASE kept")
	run("CREATE TABLE kept.t (a UInt32) ENGINE = MergeTree ORDER BY a")
	run("CREATE TABLE default.t (a UInt32) ENGINE = MergeTree ORDER BY a")
	for round := range 3 {
		run("INSERT INTO kept.t VALUES (1)")
		run("INSERT INTO default.t VALUES (1)")
		ended := make(chan error, 1)
		mark := fmt.Sprint("round-", round)
		go func(conn driver.Conn) { ended <- conn.Exec(context.Background(), endless(mark)) }(c.conn)
		eventually(t, "the query runs", func() bool { return running(t, c.conn, mark) > 0 })
		if round == 1 {
			if err := c.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		} else {
			if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if got := c.line(); got != "closed" {
				t.Fatalf("after SIGTERM in a running query the server says %q, want closed", got)
			}
			if err := c.cmd.Wait(); err != nil {
				t.Fatalf("after SIGTERM: %v", err)
			}
		}
		if err := <-ended; err == nil {
			t.Error("an endless query has ended without an error")
		}
		c = startChild(t, dir)
		for _, table := range []string{"kept.t", "default.t"} {
			if n := value[uint64](t, c.conn, "SELECT count() FROM "+table); n != uint64(round+1) {
				t.Errorf("%d rows in %s after round %d, want %d", n, table, round, round+1)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	c := startChild(t, filepath.Join(t.TempDir(), "data & more"), childLimitsEnv+"=tight")
	for sql, code := range map[string]int32{
		"SELECT length(groupArray(number)) FROM numbers(1000000000)": 241,
		"SELECT '" + strings.Repeat("x", 1000) + "'":                 131,
	} {
		wantCode(t, c.conn.Exec(context.Background(), sql), code)
	}
	mustExec(t, c.conn, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
	batch, err := c.conn.PrepareBatch(context.Background(), "INSERT INTO t")
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(1000) {
		if err := batch.Append(i); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, batch.Send(), 131)
	if err := c.conn.Close(); err != nil {
		t.Fatal(err)
	}
	var clients []*rawClient
	greet := func() int {
		r := dial(t, c.addr)
		r.hello("")
		clients = append(clients, r)
		return r.greeted()
	}
	eventually(t, "the client's places are free", func() bool { return greet() == 202 })
	for _, r := range clients {
		r.conn.Close()
	}
	eventually(t, "a place is free again", func() bool { return greet() == 0 })
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	library, err := chdb.Find(os.Getenv("PARLEY_CHDB_LIB"))
	if err != nil {
		t.Fatal(err)
	}
	good := func() clickhouse.Config {
		return clickhouse.Config{Library: library, DataDir: filepath.Join(t.TempDir(), "data"), Addr: "127.0.0.1:0"}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(t.TempDir(), "data")
	startChild(t, held)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*clickhouse.Config)
		is     error
		want   string
	}{
		{"no library", func(c *clickhouse.Config) { c.Library = "/nosuch/libchdb.so" }, os.ErrNotExist, "run make build, or set PARLEY_CHDB_LIB"},
		{"no engine", func(c *clickhouse.Config) { c.Library = file }, nil, "load engine"},
		{"port in use", func(c *clickhouse.Config) { c.Addr = taken.Addr().String() }, syscall.EADDRINUSE, "native protocol: listen tcp " + taken.Addr().String()},
		{"HTTP port in use", func(c *clickhouse.Config) { c.HTTPAddr = taken.Addr().String() }, syscall.EADDRINUSE, "HTTP interface: listen tcp"},
		{"folder in use", func(c *clickhouse.Config) { c.DataDir = held }, clickhouse.ErrInUse, held + ": data folder is in use by process"},
		{"foreign folder", func(c *clickhouse.Config) { c.DataDir = foreign }, clickhouse.ErrForeign, "choose an empty or new one"},
		{"file as folder", func(c *clickhouse.Config) { c.DataDir = file }, nil, "make data folder"},
		{"nothing", func(c *clickhouse.Config) { *c = clickhouse.Config{} }, nil, "Addr is not host:port"},
		{"second engine", func(*clickhouse.Config) {}, nil, "a process runs one engine"},
	} {
		cfg := good()
		c.change(&cfg)
		s, err := clickhouse.Open(cfg)
		if err == nil {
			t.Errorf("%s: it opens: %v", c.name, s.Close())
			continue
		}
		if !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %q, want %q in it, and %v", c.name, err, c.want, c.is)
		}
	}
	if text, err := os.ReadFile(filepath.Join(foreign, "thesis.txt")); err != nil || string(text) != "mine" {
		t.Errorf("a foreign file now holds %q: %v", text, err)
	}
	if entries, err := os.ReadDir(foreign); err != nil || len(entries) != 1 {
		t.Errorf("a foreign folder has %d entries now: %v", len(entries), err)
	}
}

// TestServerDiesMidInsert kills the server while a client sends; what was not committed is not there.
func TestServerDiesMidInsert(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	c := startChild(t, dir)
	mustExec(t, c.conn, "CREATE DATABASE d")
	mustExec(t, c.conn, "CREATE TABLE d.t (a UInt32) ENGINE = MergeTree ORDER BY a")
	r := dial(t, c.addr)
	r.hello("d")
	r.greeted()
	r.query("INSERT INTO t")
	r.read(new(answer))
	r.block([]uint32{1, 2, 3})
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r.conn); err == nil {
		t.Log("the connection ended in order")
	}
	if err := c.cmd.Wait(); err == nil {
		t.Error("a killed server has exited in order")
	}
	c = startChild(t, dir)
	if n := value[uint64](t, c.conn, "SELECT count() FROM d.t"); n != 0 {
		t.Errorf("%d rows of an insert that was never committed", n)
	}
}
