// Package recordtest gives tests a ClickHouse: the server that PARLEY_TEST_CLICKHOUSE_DSN names, or an embedded one
// in a process of its own, as in production. All tests of a package share it, and each takes a database of its own; a
// test that does harm to a server has one of its own.
package recordtest

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/results/record"
)

// The server of the tests: its DSN, and the URL of its HTTP interface.
const (
	envDSN  = "PARLEY_TEST_CLICKHOUSE_DSN"
	envHTTP = "PARLEY_TEST_CLICKHOUSE_HTTP"
)

// Run runs the tests of a package with a ClickHouse and returns their exit code; TestMain calls it first.
func Run(m *testing.M) int {
	if code, isServer := serveMain(); isServer {
		return code
	}
	if os.Getenv(envDSN) != "" {
		return m.Run()
	}
	stop, err := start()
	if err != nil {
		slog.Error("no ClickHouse for the tests", "error", err, "remedy", "or set "+envDSN)
		return 1
	}
	defer stop()
	return m.Run()
}

// start starts a server and names it in the environment. stop reports on the standard log what went wrong.
func start() (stop func(), err error) {
	dir, err := os.MkdirTemp("", "parley-clickhouse-")
	if err != nil {
		return nil, err
	}
	server := &Server{dir: filepath.Join(dir, "data"), addr: "127.0.0.1:0"}
	if err := server.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop = func() {
		if err := errors.Join(server.Stop(), os.RemoveAll(dir)); err != nil {
			slog.Error("close ClickHouse of the tests", "error", err)
		}
	}
	return stop, errors.Join(os.Setenv(envDSN, "clickhouse://"+server.addr), os.Setenv(envHTTP, server.HTTP()))
}

// HTTP returns the URL of the server's HTTP interface.
func HTTP(t testing.TB) string {
	t.Helper()
	at := os.Getenv(envHTTP)
	if at == "" {
		t.Fatalf("%s is not set; set it beside %s, as http://127.0.0.1:8123", envHTTP, envDSN)
	}
	return at
}

// DSN returns the DSN of a database that is not there yet and that is dropped when the test ends.
func DSN(t testing.TB) string {
	t.Helper()
	dsn, err := url.Parse(os.Getenv(envDSN))
	if err != nil || dsn.Host == "" {
		t.Fatalf("%s is not the DSN of a server; does TestMain call recordtest.Run?", envDSN)
	}
	name := "test_" + rand.Text()
	dsn.Path = "/" + name
	t.Cleanup(func() { drop(t, dsn.String(), name) })
	return dsn.String()
}

// Open returns a connection to the database of a DSN, closed when the test ends.
func Open(t testing.TB, dsn string) driver.Conn {
	t.Helper()
	conn, err := record.Open(dsn, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// Migrated returns a DSN whose database has the current schema.
func Migrated(t testing.TB) string {
	t.Helper()
	dsn := DSN(t)
	if err := record.Migrate(t.Context(), dsn, nil, record.Schema{}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return dsn
}

func drop(t testing.TB, dsn, name string) {
	opts, err := record.ParseDSN(dsn, nil)
	if err != nil {
		t.Error(err)
		return
	}
	opts.Auth.Database = "system"
	conn, err := clickhouse.Open(opts)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" SYNC"); err != nil {
		t.Errorf("drop database %s: %v", name, err)
	}
}
