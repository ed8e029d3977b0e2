package embedded_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/embedded"
	"parley/internal/embedded/chdb"
)

// patience bounds every wait of these tests; none should come near it.
const patience = 60 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func config(dir string) embedded.Config {
	return embedded.Config{
		DataDir:            dir,
		KafkaAddr:          "127.0.0.1:0",
		ClickHouseAddr:     "127.0.0.1:0",
		ClickHouseHTTPAddr: "127.0.0.1:0",
		Library:            os.Getenv("PARLEY_CHDB_LIB"),
		FreeBytesMin:       -1,
		LockWait:           patience,
		Log:                testLog(),
	}
}

func kafkaOnly(dir string) embedded.Config {
	cfg := config(dir)
	cfg.ClickHouseAddr, cfg.ClickHouseHTTPAddr = "", ""
	return cfg
}

func start(t *testing.T, cfg embedded.Config) *embedded.Engines {
	t.Helper()
	e, err := embedded.Start(testContext(t), cfg)
	if err != nil {
		t.Fatalf("start engines: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close engines: %v", err)
		}
	})
	return e
}

func newClient(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.DisableClientMetrics()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func createTopic(t *testing.T, addr, topic string) {
	t.Helper()
	if _, err := kadm.NewClient(newClient(t, addr)).CreateTopic(testContext(t), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

// commit produces the value in a transaction of its own.
func commit(t *testing.T, cl *kgo.Client, value string) {
	t.Helper()
	begin(t, cl, value)
	if err := cl.EndTransaction(testContext(t), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, cl *kgo.Client, value string) {
	t.Helper()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(testContext(t), kgo.StringRecord(value)).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// committed returns the first n committed values of the topic.
func committed(t *testing.T, addr, topic string, n int) string {
	t.Helper()
	cl := newClient(t, addr, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var values []string
	for len(values) < n {
		f := cl.PollFetches(testContext(t))
		if err := f.Err(); err != nil {
			t.Fatalf("have %q: %v", values, err)
		}
		f.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return strings.Join(values, " ")
}

func query(t *testing.T, addr string, statements ...string) {
	t.Helper()
	opts, err := clickhouse.ParseDSN("clickhouse://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	for _, s := range statements {
		if err := conn.Exec(testContext(t), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestEnginesServeAndClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := start(t, config(dir))
	if got, want := e.ClickHouseDSN(), "clickhouse://"+e.ClickHouseAddr(); got != want {
		t.Errorf("DSN is %q, want %q", got, want)
	}
	if err := newClient(t, e.Brokers()[0]).Ping(testContext(t)); err != nil {
		t.Errorf("kafka: %v", err)
	}
	query(t, e.ClickHouseAddr(), "SELECT 1")
	conn, err := net.Dial("tcp", e.ClickHouseHTTPAddr())
	if err != nil {
		t.Errorf("HTTP: %v", err)
	} else {
		conn.Close()
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	select {
	case <-e.Done():
		t.Errorf("engines ended by themselves: %v", e.Err())
	default:
	}
}

// TestParentKilled is why the engines are processes: the parent is killed in the middle of a transaction and
// a new one starts at once.
func TestParentKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parent := exec.Command(os.Args[0], "parent", dir)
	parent.Stderr = os.Stderr
	stdin, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close() })
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var at addresses
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("parent does not start: %v", errors.Join(err, parent.Wait()))
	}
	if err := json.Unmarshal(line, &at); err != nil {
		t.Fatal(err)
	}
	createTopic(t, at.Kafka, "t")
	producer := newClient(t, at.Kafka, kgo.TransactionalID("x"), kgo.DefaultProduceTopic("t"))
	commit(t, producer, "first")
	query(t, at.ClickHouse, "CREATE TABLE t (v Int8) ENGINE = MergeTree ORDER BY v", "INSERT INTO t VALUES (1)")
	begin(t, producer, "open")

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Fatal("parent ended well")
	}

	e := start(t, config(dir))
	commit(t, newClient(t, e.KafkaAddr(), kgo.TransactionalID("y"), kgo.DefaultProduceTopic("t")), "second")
	if got := committed(t, e.KafkaAddr(), "t", 2); got != "first second" {
		t.Errorf("got %q", got)
	}
	query(t, e.ClickHouseAddr(), "SELECT throwIf(count() != 1) FROM t")
	if _, err := os.Stat(filepath.Join(dir, "kafka", "closed")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("running broker has its mark of a clean close: %v", err)
	}
}

func TestEngineThatDiesIsReported(t *testing.T) {
	t.Parallel()
	e, err := embedded.Start(testContext(t), kafkaOnly(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Err(); err != nil {
		t.Fatalf("failed before: %v", err)
	}
	if err := syscall.Kill(e.PIDs()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-e.Done():
	case <-time.After(patience):
		t.Fatal("the end of the engine is not noticed")
	}
	if err := e.Err(); err == nil || !strings.Contains(err.Error(), "embedded kafka ended: signal: killed") {
		t.Errorf("got %v", err)
	}
	if err := e.Close(); err == nil {
		t.Error("close says nothing of the kill")
	}
}

func TestEnginesAreDeafToSignals(t *testing.T) {
	t.Parallel()
	e := start(t, kafkaOnly(t.TempDir()))
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := syscall.Kill(e.PIDs()[0], s); err != nil {
			t.Fatal(err)
		}
	}
	if err := newClient(t, e.KafkaAddr()).Ping(testContext(t)); err != nil {
		t.Error(err)
	}
	own, err := syscall.Getpgid(0)
	if err != nil {
		t.Fatal(err)
	}
	if group, err := syscall.Getpgid(e.PIDs()[0]); err != nil || group == own {
		t.Errorf("engine is in process group %d, ours is %d: %v", group, own, err)
	}
}

func TestSecondStartWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, kafkaOnly(dir))

	cfg := kafkaOnly(dir)
	cfg.LockWait = 10 * time.Millisecond
	var folder *embedded.FolderError
	if _, err := embedded.Start(testContext(t), cfg); !errors.As(err, &folder) || !errors.Is(err, embedded.ErrInUse) {
		t.Fatalf("got %v, want that the folder is in use", err)
	}

	cfg.LockWait = patience
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := embedded.Start(canceled, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}

	type started struct {
		engines *embedded.Engines
		err     error
	}
	second := make(chan started, 1)
	go func() {
		e, err := embedded.Start(context.Background(), cfg)
		second <- started{e, err}
	}()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	s := <-second
	if s.err != nil {
		t.Fatal(s.err)
	}
	if err := s.engines.Close(); err != nil {
		t.Error(err)
	}
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	addr := taken.Addr().String()
	tests := []struct {
		engine, setting string
		set             func(*embedded.Config)
	}{
		{"kafka", "PARLEY_EMBEDDED_KAFKA_ADDR", func(c *embedded.Config) { c.KafkaAddr = addr }},
		{"clickhouse", "PARLEY_EMBEDDED_CLICKHOUSE_ADDR", func(c *embedded.Config) { c.ClickHouseAddr = addr }},
		{"clickhouse", "PARLEY_EMBEDDED_CLICKHOUSE_HTTP_ADDR", func(c *embedded.Config) { c.ClickHouseHTTPAddr = addr }},
	}
	for _, test := range tests {
		t.Run(test.setting, func(t *testing.T) {
			t.Parallel()
			cfg := config(t.TempDir())
			test.set(&cfg)
			_, err := embedded.Start(testContext(t), cfg)
			var inUse *embedded.AddrInUseError
			if !errors.As(err, &inUse) || !errors.Is(err, syscall.EADDRINUSE) {
				t.Fatalf("got %v", err)
			}
			if *inUse != (embedded.AddrInUseError{Engine: test.engine, Addr: addr, Setting: test.setting}) {
				t.Errorf("got %+v", *inUse)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
}

func TestMissingLibrary(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	cfg := config(dir)
	cfg.Library = filepath.Join(t.TempDir(), "libchdb.so")
	var missing *chdb.NotFoundError
	if _, err := embedded.Start(testContext(t), cfg); !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data folder was made: %v", err)
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	_, err := embedded.Start(testContext(t), embedded.Config{KafkaAddr: "nowhere", ClickHouseAddr: "here", LockWait: -1})
	for _, want := range []string{"PARLEY_DATA_DIR", `PARLEY_EMBEDDED_KAFKA_ADDR is "nowhere"`, `PARLEY_EMBEDDED_CLICKHOUSE_ADDR is "here"`, "negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestNothingToStart(t *testing.T) {
	t.Parallel()
	e := start(t, embedded.Config{DataDir: t.TempDir()})
	if e.Brokers() != nil || e.ClickHouseDSN() != "" {
		t.Errorf("got %q, %q", e.Brokers(), e.ClickHouseDSN())
	}
}
