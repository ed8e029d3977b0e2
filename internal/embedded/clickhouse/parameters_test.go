package clickhouse_test

import (
	"context"
	"errors"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// TestParameters gives values to {name:Type} placeholders, in queries with rows and without, in inserts and in DDL.
func TestParameters(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, tg target) {
		conn := tg.database(t)
		at := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
		for _, c := range []struct {
			sql  string
			args []any
			want string
		}{
			{"SELECT {s:String}", []any{ch.Named("s", "it's a\tb\\n\n\x00 `\" über")}, "it's a\tb\\n\n\x00 `\" über"},
			{"SELECT toString({n:UInt64} + 1)", []any{ch.Named("n", uint64(41))}, "42"},
			{"SELECT arrayStringConcat({a:Array(String)}, '|')", []any{ch.Named("a", []string{"x", "it's", `\`})}, `x|it's|\`},
			{"SELECT toString({m:Map(String, UInt8)}['k'])", []any{ch.Named("m", map[string]uint8{"k": 7})}, "7"},
			{"SELECT toString({at:DateTime('UTC')})", []any{ch.Named("at", at)}, "2026-11-22 01:02:03"},
			{"SELECT ifNull({s:Nullable(String)}, 'none')", []any{ch.Named("s", nil)}, "none"},
			{"SELECT toString({d:Decimal(18, 3)})", []any{ch.Named("d", 1.5)}, "1.5"},
			{"SELECT toString({u:UUID})", []any{ch.Named("u", "61f0c404-5cb3-11e7-907b-a6006ad3dba0")}, "61f0c404-5cb3-11e7-907b-a6006ad3dba0"},
			{"SELECT name FROM {db:Identifier}.{tab:Identifier} WHERE name = {n:String}", []any{ch.Named("db", "system"), ch.Named("tab", "databases"), ch.Named("n", "system")}, "system"},
		} {
			if got := value[string](t, conn, c.sql, c.args...); got != c.want {
				t.Errorf("%s: %q, want %q", c.sql, got, c.want)
			}
		}
		ctx := ch.Context(context.Background(), ch.WithParameters(ch.Parameters{"tab": "t", "n": "5"}))
		for _, sql := range []string{
			"CREATE TABLE {tab:Identifier} (a UInt32) ENGINE = MergeTree ORDER BY a",
			"INSERT INTO {tab:Identifier} SELECT number FROM numbers({n:UInt64})",
		} {
			if err := conn.Exec(ctx, sql); err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
		if n := value[uint64](t, conn, "SELECT count() FROM t"); n != 5 {
			t.Errorf("%d rows, want 5", n)
		}
		var n uint32
		rows, err := conn.Query(context.Background(), "SELECT a FROM t WHERE a > {min:UInt32}", ch.Named("min", uint32(100)))
		if err != nil {
			t.Fatal(err)
		}
		if rows.Next() || len(rows.Columns()) != 1 {
			t.Errorf("rows where there are none, or columns %q", rows.Columns())
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Error(err)
		}
		wantCode(t, conn.QueryRow(context.Background(), "SELECT {n:UInt32}", ch.Named("n", "x")).Scan(&n), 457)
		wantCode(t, conn.QueryRow(context.Background(), "SELECT {n:UInt32}", ch.Named("other", "1")).Scan(&n), 456)
	})
}
