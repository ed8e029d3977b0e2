package clickhouse_test

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"parley/internal/embedded/chdb"
	"parley/internal/embedded/clickhouse"
)

// server is the one embedded server of the tests, and dataDir its folder: a process has one engine.
var (
	server  *clickhouse.Server
	dataDir string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if dir := os.Getenv(childEnv); dir != "" {
		return runChild(dir)
	}
	dir, err := os.MkdirTemp("", "clickhouse-test-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	dataDir = dir + "/data"
	library, err := chdb.Find(os.Getenv("PARLEY_CHDB_LIB"))
	if err != nil {
		return fail(err)
	}
	var log io.Writer = io.Discard
	if os.Getenv("PARLEY_TEST_LOG") != "" {
		log = os.Stderr
	}
	server, err = clickhouse.Open(clickhouse.Config{
		Library: library, DataDir: dataDir, Addr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0",
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		return fail(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	code := m.Run()
	if err := server.Close(); err != nil {
		return fail(err)
	}
	if err := <-served; err != nil {
		return fail(err)
	}
	if err := goleak.Find(); err != nil {
		return fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
