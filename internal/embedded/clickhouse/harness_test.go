package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// target is a ClickHouse server that the conformance suite runs against.
type target struct {
	name    string
	options ch.Options
}

// eachTarget runs a test of the suite against the embedded server, and also against the server that
// PARLEY_TEST_CLICKHOUSE_DSN names, e.g. clickhouse://default@127.0.0.1:9000/default.
func eachTarget(t *testing.T, test func(*testing.T, target)) {
	t.Helper()
	targets := []target{{"embedded", ch.Options{Addr: []string{server.Addr()}}}}
	onTargets(t, append(targets, named(t, "PARLEY_TEST_CLICKHOUSE_DSN")...), test)
}

// eachProtocol is eachTarget, and the same over HTTP. The server that PARLEY_TEST_CLICKHOUSE_HTTP_DSN names is met there,
// e.g. http://default@127.0.0.1:8123/default.
func eachProtocol(t *testing.T, test func(*testing.T, target)) {
	t.Helper()
	eachTarget(t, test)
	targets := []target{{"embedded-http", ch.Options{Protocol: ch.HTTP, Addr: []string{server.HTTPAddr()}}}}
	onTargets(t, append(targets, named(t, "PARLEY_TEST_CLICKHOUSE_HTTP_DSN")...), test)
}

// named is the target that an environment variable names, if it is set.
func named(t *testing.T, variable string) []target {
	t.Helper()
	dsn := os.Getenv(variable)
	if dsn == "" {
		return nil
	}
	options, err := ch.ParseDSN(dsn)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return []target{{strings.ToLower(variable), *options}}
}

func onTargets(t *testing.T, targets []target, test func(*testing.T, target)) {
	t.Helper()
	for _, tg := range targets {
		t.Run(tg.name, func(t *testing.T) {
			t.Parallel()
			test(t, tg)
		})
	}
}

var databases atomic.Int64

// database makes a database for one test and connects to it. configure may change the options before.
func (tg target) database(t *testing.T, configure ...func(*ch.Options)) driver.Conn {
	t.Helper()
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	admin := tg.connect(t)
	mustExec(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { mustExec(t, admin, "DROP DATABASE "+name+" SYNC") })
	return tg.connect(t, append(configure, func(o *ch.Options) { o.Auth.Database = name })...)
}

// connect opens a client that is closed at the end of the test.
func (tg target) connect(t *testing.T, configure ...func(*ch.Options)) driver.Conn {
	t.Helper()
	o := tg.options
	o.DialTimeout = 10 * time.Second
	for _, c := range configure {
		c(&o)
	}
	conn, err := ch.Open(&o)
	if err != nil {
		t.Fatalf("open client: %v", err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close client: %v", err)
		}
	})
	if o.MaxOpenConns == 1 {
		return &pinned{Conn: conn}
	}
	return conn
}

// pinned is a client that really stays on its one connection. clickhouse-go gives the place of a connection free
// before it puts the connection back: who comes in between is dialled a second one, and meets another session.
type pinned struct {
	driver.Conn
	used bool
}

// settle waits until the connection is back in the pool; not for ever, for the client drops it after some errors.
func (p *pinned) settle() {
	for deadline := time.Now().Add(100 * time.Millisecond); p.used && p.Stats().Idle != 1 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	p.used = true
}

func (p *pinned) Exec(ctx context.Context, sql string, args ...any) error {
	p.settle()
	return p.Conn.Exec(ctx, sql, args...)
}

func (p *pinned) Query(ctx context.Context, sql string, args ...any) (driver.Rows, error) {
	p.settle()
	return p.Conn.Query(ctx, sql, args...)
}

func (p *pinned) QueryRow(ctx context.Context, sql string, args ...any) driver.Row {
	p.settle()
	return p.Conn.QueryRow(ctx, sql, args...)
}

func (p *pinned) PrepareBatch(ctx context.Context, sql string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	p.settle()
	return p.Conn.PrepareBatch(ctx, sql, opts...)
}

func withCompression(m ch.CompressionMethod) func(*ch.Options) {
	return func(o *ch.Options) { o.Compression = &ch.Compression{Method: m} }
}

func oneConnection(o *ch.Options) { o.MaxOpenConns, o.MaxIdleConns = 1, 1 }

func mustExec(t *testing.T, conn driver.Conn, sql string, args ...any) {
	t.Helper()
	if err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// value returns the only value of a query.
func value[T any](t *testing.T, conn driver.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// column returns the values of a query with one column.
func column[T any](t *testing.T, conn driver.Conn, sql string) []T {
	t.Helper()
	rows, err := conn.Query(context.Background(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var values []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		values = append(values, v)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return values
}

// wantCode checks that err is an exception of the server with this code.
func wantCode(t *testing.T, err error, code int32) {
	t.Helper()
	e, ok := errors.AsType[*ch.Exception](err)
	if !ok || e.Code != code {
		t.Errorf("error is %v, want exception %d", err, code)
	}
}

// eventually polls until ok, and fails the test after two minutes: the machine may have much else to do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within two minutes: %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// running counts the queries of the server whose text contains mark.
func running(t *testing.T, conn driver.Conn, mark string) int {
	t.Helper()
	n := 0
	for _, text := range column[string](t, conn, "SELECT query FROM system.processes") {
		if strings.Contains(text, mark) && !strings.Contains(text, "system.processes") {
			n++
		}
	}
	return n
}

// rss is the resident memory of this process in bytes.
func rss(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

func ptr[T any](v T) *T { return &v }
