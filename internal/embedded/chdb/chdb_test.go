package chdb

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// engine is the library, and folder the one folder that its engine works on in these tests.
var (
	engine *Library
	folder string
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		path, err := Find(os.Getenv("PARLEY_CHDB_LIB"))
		if err == nil {
			engine, err = Load(path)
		}
		if err == nil {
			folder, err = os.MkdirTemp("", "chdb-test-")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
		return m.Run()
	}())
}

func connect(t *testing.T, args ...string) *Conn {
	t.Helper()
	c, err := engine.Connect(append(args, "--path="+folder)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func query(t *testing.T, c *Conn, sql string, params ...Param) string {
	t.Helper()
	r, err := c.Query(Statement{SQL: sql, Format: "TSV", Params: params})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.TrimSuffix(string(r.Data), "\n")
}

func TestQuery(t *testing.T) {
	c, other := connect(t, "--max_threads=3"), connect(t)
	if got := query(t, c, "SELECT {s:String}, {n:UInt8}", Param{"s", `a\tb`}, Param{"n", "7"}); got != `a\tb`+"\t7" {
		t.Errorf("parameters come back as %q", got)
	}
	if got := query(t, c, "SELECT 'a\x00b'"); got != `a\0b` {
		t.Errorf("a zero byte comes back as %q", got)
	}
	if a, b := query(t, c, "SELECT getSetting('max_threads')"), query(t, other, "SELECT getSetting('max_threads')"); a != "3" || b == "3" {
		t.Errorf("max_threads is %s and %s, want 3 in the first session alone", a, b)
	}
	_, err := c.Query(Statement{SQL: "SELECT * FROM nosuch"})
	if e, ok := errors.AsType[*Exception](err); !ok || e.Code != 60 || e.Name != "UNKNOWN_TABLE" {
		t.Errorf("unknown table: %v", err)
	}
	if got := query(t, c, "SELECT 1"); got != "1" {
		t.Errorf("after an exception: %q", got)
	}
}

func TestStream(t *testing.T) {
	c := connect(t)
	s, err := c.Stream(Statement{SQL: "SELECT number FROM numbers(200000)", Format: "TSV"})
	if err != nil {
		t.Fatal(err)
	}
	lines, pieces := 0, 0
	for {
		piece, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(piece), "\n")
		pieces++
	}
	if lines != 200_000 || pieces < 2 {
		t.Errorf("%d lines in %d pieces, want 200000 in several", lines, pieces)
	}
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v, want %v", err, io.EOF)
	}
	if !s.Ended() {
		t.Error("a stream that was read to its end has not ended")
	}
	s.Close()
	if s, err = c.Stream(Statement{SQL: "SELECT number FROM numbers(1000000000000)", Format: "TSV"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Query(Statement{SQL: "SELECT 1"}); err == nil {
		t.Error("a second statement runs beside a stream")
	}
	s.Close()
	s.Close()
	query(t, c, "SELECT 1")
	if _, err := c.Stream(Statement{SQL: "DROP TABLE nosuch"}); err == nil {
		t.Error("DDL streams")
	}
}

func TestInsert(t *testing.T) {
	c := connect(t)
	query(t, c, "CREATE TABLE inserted (a UInt32) ENGINE = MergeTree ORDER BY a")
	insert := func(data ...string) (Stats, error) {
		t.Helper()
		i, err := c.Insert(Statement{SQL: "INSERT INTO inserted", Format: "TSV"})
		if err != nil {
			t.Fatal(err)
		}
		defer i.Abort()
		for _, d := range data {
			if err := i.Append([]byte(d)); err != nil {
				return Stats{}, err
			}
		}
		return i.Commit()
	}
	if s, err := insert("1\n2", "\n", "", "3\n"); err != nil || s.RowsWritten != 3 {
		t.Errorf("wrote %+v, want 3 rows: %v", s, err)
	}
	_, err := insert("x\n")
	if e, ok := errors.AsType[*Exception](err); !ok || e.Code != 27 || e.Name != "CANNOT_PARSE_INPUT_ASSERTION_FAILED" || strings.Contains(e.Message, "version") {
		t.Errorf("bad data: %v", err)
	}
	i, err := c.Insert(Statement{SQL: "INSERT INTO inserted", Format: "TSV"})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Append([]byte("4\n5\n")); err != nil {
		t.Fatal(err)
	}
	if !i.Abort() || i.Abort() {
		t.Error("aborting twice does not abort once")
	}
	if err := i.Append([]byte("6\n")); !errors.Is(err, ErrClosed) {
		t.Errorf("append after abort: %v", err)
	}
	if got := query(t, c, "SELECT count() FROM inserted"); got != "3" {
		t.Errorf("%s rows, want 3", got)
	}
	if _, err := c.Insert(Statement{SQL: "INSERT INTO nosuch", Format: "TSV"}); err == nil {
		t.Error("insert into a table that does not exist")
	}
}

func TestAnalyze(t *testing.T) {
	c := connect(t, "--implicit_select=0")
	for sql, want := range map[string]Analysis{
		"SELECT 1":             {1, true},
		"SELECT 1; SELECT 2":   {2, true},
		"/* a */ SHOW TABLES;": {1, true},
		"CREATE DATABASE a":    {1, false},
		"SELECT 1; DROP":       {0, false},
		"SELEC":                {0, false},
		"":                     {0, false},
	} {
		if got, err := c.Analyze(sql); err != nil || got != want {
			t.Errorf("%q: %+v, want %+v: %v", sql, got, want, err)
		}
	}
}

// TestParallel uses many sessions at a time, and moves each between goroutines.
func TestParallel(t *testing.T) {
	connect(t) // keeps the engine running
	var wg sync.WaitGroup
	for k := range 32 {
		wg.Go(func() {
			c, err := engine.Connect("--path=" + folder)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for i := range 20 {
				want, step := fmt.Sprintf("%d\t%d\n", k, i), make(chan struct{})
				go func() {
					defer close(step)
					r, err := c.Query(Statement{SQL: fmt.Sprintf("SELECT %d, %d, sleep(0.001) FORMAT TSV", k, i)})
					if err != nil || !strings.HasPrefix(string(r.Data), strings.TrimSuffix(want, "\n")) {
						t.Errorf("%q, want %q: %v", r.Data, want, err)
					}
				}()
				<-step
			}
		})
	}
	wg.Wait()
}

// TestCloseAndStartAgain closes the last session, with open work, and starts the engine anew.
func TestCloseAndStartAgain(t *testing.T) {
	for range 3 {
		c := connect(t)
		query(t, c, "CREATE TABLE IF NOT EXISTS kept (a UInt32) ENGINE = MergeTree ORDER BY a")
		query(t, c, "TRUNCATE TABLE kept")
		query(t, c, "INSERT INTO kept VALUES (1)")
		s, err := c.Stream(Statement{SQL: "SELECT number FROM numbers(1000000000000)", Format: "TSV"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
		c.Close()
		c.Close()
		if _, err := c.Query(Statement{SQL: "SELECT 1"}); !errors.Is(err, ErrClosed) {
			t.Errorf("query after close: %v, want %v", err, ErrClosed)
		}
		c = connect(t)
		if _, err := c.Insert(Statement{SQL: "INSERT INTO kept", Format: "TSV"}); err != nil {
			t.Fatal(err)
		}
		c.Close()
		c = connect(t)
		if got := query(t, c, "SELECT count() FROM kept"); got != "1" {
			t.Errorf("%s rows after a restart, want 1", got)
		}
		c.Close()
	}
}

func TestConnectRefuses(t *testing.T) {
	connect(t)
	if c, err := engine.Connect("--path=" + t.TempDir()); err == nil {
		c.Close()
		t.Error("the engine works on two folders")
	}
	if c, err := engine.Connect("--path="+folder, "--max_threads=x"); err == nil {
		c.Close()
		t.Error("a malformed setting is taken")
	}
}

// TestSignals checks that they still reach the Go runtime.
func TestSignals(t *testing.T) {
	query(t, connect(t), "SELECT 1")
	got := make(chan os.Signal, 1)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		signal.Notify(got, sig)
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s != sig {
			t.Errorf("signal %v, want %v", s, sig)
		}
		signal.Stop(got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a nil dereference does not panic")
		}
	}()
	_ = map[string]*Analysis{}["none"].ReadOnly // SIGSEGV, which the runtime makes a panic
}
