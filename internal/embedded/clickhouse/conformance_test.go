package clickhouse_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

func TestStatementsWithRows(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, tg target) {
		conn := tg.database(t)
		mustExec(t, conn, "CREATE TABLE t (a UInt32, b String) ENGINE = MergeTree ORDER BY a")
		mustExec(t, conn, "INSERT INTO t VALUES (1, 'x'), (2, 'y')")
		for _, c := range []struct {
			sql  string
			rows int
		}{
			{"SELECT * FROM t", 2},
			{"select * from t where a > 5", 0},
			{"/* one */ -- two\n # three\n SELECT a FROM t;", 2},
			{"(SELECT 1) UNION ALL (SELECT 2)", 2},
			{"((SELECT 1))", 1},
			{"WITH 7 AS x SELECT x", 1},
			{"WITH c AS (SELECT a FROM t) SELECT * FROM c", 2},
			{"FROM t SELECT a", 2},
			{"SELECT a FROM t FORMAT JSON", 2},
			{"SELECT a FROM t LIMIT 1 SETTINGS max_threads = 1", 1},
			{"SELECT ';' AS a, '--' AS b -- comment ;", 1},
			{"SELECT 1 AS format", 1},
			{"SELECT number FROM numbers(5) ORDER BY number SETTINGS max_block_size = 2", 5},
			{"SHOW TABLES", 1},
			{"SHOW TABLES LIKE 'none'", 0},
			{"SHOW TABLES FORMAT JSON", 1},
			{"SHOW CREATE TABLE t", 1},
			{"DESCRIBE TABLE t", 2},
			{"DESC t", 2},
			{"EXISTS TABLE t", 1},
			{"EXPLAIN SYNTAX SELECT 1", 0},
			{"CHECK TABLE t", 1},
		} {
			if tg.options.Protocol == ch.HTTP && strings.HasSuffix(c.sql, "FORMAT JSON") {
				continue // a server obeys over HTTP
			}
			rows, err := conn.Query(context.Background(), c.sql)
			if err != nil {
				t.Errorf("%s: %v", c.sql, err)
				continue
			}
			got := 0
			for rows.Next() {
				got++
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				t.Errorf("%s: %v", c.sql, err)
			}
			if len(rows.Columns()) == 0 || c.rows > 0 && got != c.rows {
				t.Errorf("%s: %d rows of columns %q, want %d rows", c.sql, got, rows.Columns(), c.rows)
			}
		}
	})
}

func TestDefinitions(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, tg target) {
		conn := tg.database(t)
		for _, sql := range []string{
			`CREATE TABLE IF NOT EXISTS log (
				id UInt64 CODEC(Delta, ZSTD), at DateTime64(3, 'UTC') CODEC(DoubleDelta), kind LowCardinality(String),
				text String, n UInt64 MATERIALIZED length(text), v UInt32 DEFAULT 7, twice UInt64 ALIAS id * 2,
				INDEX by_text text TYPE bloom_filter GRANULARITY 4)
			ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(at) ORDER BY (kind, id) TTL toDateTime(at) + INTERVAL 100 MONTH`,
			"CREATE VIEW log_once AS SELECT * FROM log FINAL",
			"CREATE TABLE per_kind (kind LowCardinality(String), n AggregateFunction(count)) ENGINE = AggregatingMergeTree ORDER BY kind",
			"CREATE MATERIALIZED VIEW per_kind_mv TO per_kind AS SELECT kind, countState() AS n FROM log GROUP BY kind",
			"ALTER TABLE log ADD COLUMN extra Nullable(String)",
			"ALTER TABLE log MODIFY SETTING merge_with_ttl_timeout = 3600",
			"INSERT INTO log (id, at, kind, text) SELECT number, now64(3), 'k', toString(number) FROM numbers(10)",
			"INSERT INTO log (id, at, kind, text) SELECT number, now64(3), 'k', 'again' FROM numbers(10)",
			"OPTIMIZE TABLE log FINAL",
			"RENAME TABLE log_once TO once",
			"TRUNCATE TABLE per_kind",
		} {
			mustExec(t, conn, sql)
		}
		if n := value[uint64](t, conn, "SELECT count() FROM once"); n != 10 {
			t.Errorf("%d rows in the view, want 10", n)
		}
		if n := value[uint64](t, conn, "SELECT countMerge(n) FROM per_kind"); n != 0 {
			t.Errorf("%d rows counted after TRUNCATE, want 0", n)
		}
		batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO log (`kind`, id, at, text)")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(batch.Append("batch", uint64(1), time.Now(), "four"), batch.Send()); err != nil {
			t.Fatal(err)
		}
		if got := value[string](t, conn, "SELECT concat(text, toString(n), toString(v), toString(twice)) FROM log WHERE kind = 'batch'"); got != "four472" {
			t.Errorf("computed columns: %q, want four472", got)
		}
		if n := value[uint64](t, conn, "SELECT countMerge(n) FROM per_kind"); n != 1 {
			t.Errorf("%d rows counted by the materialized view, want 1", n)
		}
	})
}

// TestBackground sees the engine's own work: merging parts, and removing what its TTL ends.
func TestBackground(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, tg target) {
		conn := tg.database(t)
		mustExec(t, conn, `CREATE TABLE t (a UInt32, at DateTime) ENGINE = ReplacingMergeTree ORDER BY a
			TTL at + INTERVAL 1 DAY SETTINGS merge_with_ttl_timeout = 0`)
		for range 30 {
			mustExec(t, conn, "INSERT INTO t VALUES (1, now()), (2, now() - INTERVAL 2 DAY)")
		}
		eventually(t, "the parts are merged and old rows are gone", func() bool {
			parts := value[uint64](t, conn, "SELECT count() FROM system.parts WHERE active AND database = currentDatabase()")
			return parts < 15 && value[uint64](t, conn, "SELECT countIf(a = 2) FROM t FINAL") == 0
		})
	})
}

func TestInsertForms(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		conn := tg.database(t)
		mustExec(t, conn, "CREATE TABLE `odd name` (a UInt32, `b c` String DEFAULT 'd', e UInt8 EPHEMERAL) ENGINE = MergeTree ORDER BY a")
		for _, c := range []struct {
			sql  string
			row  []any
			want string
		}{
			{"INSERT INTO `odd name`", []any{uint32(1), "x"}, "x"},
			{"INSERT INTO `odd name` (a)", []any{uint32(1)}, "d"},
			{"INSERT INTO `odd name` (`b c`, a) VALUES", []any{"y", uint32(1)}, "y"},
			{"INSERT INTO `odd name` (a, e)", []any{uint32(1), uint8(9)}, "d"},
			{"INSERT INTO `odd name` (a) SETTINGS max_threads = 1", []any{uint32(1)}, "d"},
		} {
			batch, err := conn.PrepareBatch(context.Background(), c.sql)
			if err == nil {
				err = errors.Join(batch.Append(c.row...), batch.Send())
			}
			if err != nil {
				t.Errorf("%s: %v", c.sql, err)
				continue
			}
			if got := column[string](t, conn, "SELECT `b c` FROM `odd name`"); !slices.Equal(got, []string{c.want}) {
				t.Errorf("%s: stored %q, want %q", c.sql, got, c.want)
			}
			mustExec(t, conn, "TRUNCATE TABLE `odd name`")
		}
		for _, sql := range []string{
			"INSERT INTO `odd name` (a) VALUES (1)",
			"INSERT INTO `odd name` (a) FORMAT TSV 1\n",
			"INSERT INTO `odd name` (a) SELECT 1",
			"INSERT INTO `odd name` (a) WITH 1 AS x SELECT x",
			"INSERT INTO TABLE `odd name` (a) SETTINGS max_threads = 1 VALUES (1)",
			"-- comment\nINSERT INTO `odd name` (a) VALUES (1);",
		} {
			mustExec(t, conn, sql)
		}
		if n := value[uint64](t, conn, "SELECT sum(a) FROM `odd name`"); n != 6 {
			t.Errorf("%d rows after six inserts with inline data or a SELECT", n)
		}
	})
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		conn := tg.database(t, oneConnection)
		mustExec(t, conn, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
		for _, c := range []struct {
			sql  string
			code int32
		}{
			{"SELECT * FROM nosuch", 60},
			{"INSERT INTO nosuch VALUES (1)", 60},
			{"SELECT * FROM nosuch.t", 81},
			{"USE nosuch", 81},
			{"SELEC 1", 62},
			{"SELECT 1; SELECT 2", 62},
			{"exit", 62},
			{"garbage", 62},
			{"SELECT nosuch FROM t", 47},
			{"SELECT nosuch(1)", 46},
			{"CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a", 57},
			{"CREATE TABLE u (a Nosuch) ENGINE = Memory", 50},
			{"SELECT throwIf(1)", 395},
			{"SELECT throwIf(number = 200000) FROM numbers(300000)", 395},
			{"SELECT toUInt8('x')", 6},
			{"SELECT 1 SETTINGS nosuch = 1", 115},
			{"SELECT 1 + 'a'", 43},
		} {
			err := conn.Exec(context.Background(), c.sql)
			t.Run(c.sql, func(t *testing.T) { wantCode(t, err, c.code) })
		}
		_, err := conn.PrepareBatch(context.Background(), "INSERT INTO nosuch")
		wantCode(t, err, 60)
		_, err = conn.PrepareBatch(context.Background(), "INSERT INTO t (nosuch)")
		wantCode(t, err, 16)
		if got := value[uint8](t, conn, "SELECT 1"); got != 1 {
			t.Errorf("after exceptions the connection answers %d, want 1", got)
		}
		lost := tg.connect(t, func(o *ch.Options) { o.Auth.Database = "nosuch" })
		wantCode(t, lost.Ping(context.Background()), 81)
	})
}

// TestInsertRefused has the server refuse data in the middle of an insert; the connection goes on.
func TestInsertRefused(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		conn := tg.database(t, oneConnection)
		mustExec(t, conn, "CREATE TABLE t (a UInt32, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a")
		for range 3 {
			batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO t")
			if err != nil {
				t.Fatal(err)
			}
			for i := range uint32(20) {
				if err := batch.Append(i); err != nil {
					t.Fatal(err)
				}
			}
			wantCode(t, batch.Send(), 469)
			if n := value[uint64](t, conn, "SELECT count() FROM t"); n != 0 {
				t.Errorf("%d rows of a refused insert", n)
			}
		}
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		conn := tg.database(t, oneConnection, func(o *ch.Options) { o.Settings = ch.Settings{"max_block_size": 1234} })
		get := func(ctx context.Context, name string) (v string) {
			t.Helper()
			if err := conn.QueryRow(ctx, "SELECT toString(getSetting(?))", name).Scan(&v); err != nil {
				t.Fatal(err)
			}
			return v
		}
		ctx := context.Background()
		def := get(ctx, "max_threads")
		with := func(n int) context.Context { return ch.Context(ctx, ch.WithSettings(ch.Settings{"max_threads": n})) }
		steps := []struct {
			ctx  context.Context
			set  string
			want string
		}{
			{ctx: with(3), want: "3"},
			{ctx: ctx, want: def},
			{ctx: ctx, set: "SET max_threads = 5, log_comment = 'it''s \\\\ x'", want: "5"},
			{ctx: with(7), want: "7"},
			{ctx: ctx, want: "5"},
			{ctx: with(7), set: "SET max_threads = 6", want: "7"},
			{ctx: ctx, want: "6"},
			{ctx: ctx, set: "SELECT 1 SETTINGS max_threads = 9", want: "6"},
		}
		for i, s := range steps {
			if s.set != "" {
				if err := conn.Exec(s.ctx, s.set); err != nil {
					t.Fatal(err)
				}
			}
			if got := get(s.ctx, "max_threads"); got != s.want {
				t.Errorf("step %d: max_threads is %s, want %s", i, got, s.want)
			}
		}
		if got := get(ctx, "max_block_size"); got != "1234" {
			t.Errorf("max_block_size is %s, want the client's 1234", got)
		}
		if got := get(ctx, "log_comment"); got != `it's \ x` {
			t.Errorf("log_comment is %q", got)
		}
		wantCode(t, conn.Exec(ch.Context(ctx, ch.WithSettings(ch.Settings{"nosuch": 1})), "SELECT 1"), 115)
		wantCode(t, conn.Exec(ch.Context(ctx, ch.WithSettings(ch.Settings{"max_threads": "x"})), "SELECT 1"), 27)
	})
}

func TestSessionsAreApart(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		one, two := tg.database(t, oneConnection), tg.database(t, oneConnection)
		mustExec(t, one, "CREATE TEMPORARY TABLE mine (a UInt8)")
		mustExec(t, one, "INSERT INTO mine VALUES (1)")
		mustExec(t, one, "SET max_threads = 1")
		mustExec(t, one, "USE system")
		if n := value[uint64](t, one, "SELECT count() FROM mine"); n != 1 {
			t.Errorf("%d rows in the temporary table, want 1", n)
		}
		wantCode(t, two.Exec(context.Background(), "SELECT * FROM mine"), 60)
		if db := value[string](t, two, "SELECT currentDatabase()"); db == "system" {
			t.Error("USE of one session changed another")
		}
		if db := value[string](t, one, "SELECT currentDatabase()"); db != "system" {
			t.Errorf("current database is %s after USE system", db)
		}
	})
}

func TestManyConnections(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, tg target) {
		conn := tg.database(t, func(o *ch.Options) { o.MaxOpenConns, o.MaxIdleConns = 40, 40 })
		mustExec(t, conn, "CREATE TABLE t (a UInt64, b UInt64) ENGINE = MergeTree ORDER BY a")
		var wg sync.WaitGroup
		for k := range uint64(40) {
			wg.Go(func() {
				for i := range uint64(5) {
					batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO t")
					if err != nil {
						t.Error(err)
						return
					}
					if err := errors.Join(batch.Append(k, i), batch.Send()); err != nil {
						t.Error(err)
						return
					}
					var got uint64
					if err := conn.QueryRow(context.Background(), "SELECT count() FROM t WHERE a = ?", k).Scan(&got); err != nil || got != i+1 {
						t.Errorf("connection %d sees %d of its rows after %d inserts: %v", k, got, i+1, err)
					}
				}
			})
		}
		wg.Wait()
		if n := value[uint64](t, conn, "SELECT count() FROM t"); n != 200 {
			t.Errorf("%d rows, want 200", n)
		}
	})
}

func TestDatabaseSQL(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, tg target) {
		tg.database(t)
		o := tg.options
		db := ch.OpenDB(&o)
		defer db.Close()
		var n int
		var s sql.NullString
		if err := db.QueryRow("SELECT toInt64(?), ?", 7, "it's").Scan(&n, &s); err != nil || n != 7 || s.String != "it's" {
			t.Errorf("got %d, %q, %v", n, s.String, err)
		}
		if err := db.QueryRow("SELECT 1 WHERE 0").Scan(&n); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("no rows: %v, want %v", err, sql.ErrNoRows)
		}
	})
}

func TestProgressAndProfile(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		conn := tg.database(t)
		var read, profiled uint64
		ctx := ch.Context(context.Background(),
			ch.WithProgress(func(p *ch.Progress) { read += p.Rows }),
			ch.WithProfileInfo(func(p *ch.ProfileInfo) { profiled += p.Rows }))
		rows, err := conn.Query(ctx, "SELECT number FROM numbers(200000)")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		if read == 0 || read > 200_000 || profiled != 200_000 {
			t.Errorf("progress %d, profile %d, want up to 200000 and 200000 rows", read, profiled)
		}
	})
}

// TestBigResult reads millions of rows in memory that does not grow with them.
func TestBigResult(t *testing.T) {
	eachTarget(t, func(t *testing.T, tg target) {
		conn := tg.database(t)
		const million = 1_000_000
		read := func(rows int) {
			t.Helper()
			r, err := conn.Query(context.Background(), fmt.Sprintf("SELECT number, toString(number) AS text, 'constant' AS c FROM numbers(%d)", rows))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for r.Next() {
				n++
			}
			if err := errors.Join(r.Err(), r.Close()); err != nil || n != rows {
				t.Fatalf("%d rows, want %d: %v", n, rows, err)
			}
		}
		read(million)
		before := rss(t)
		read(3 * million)
		if grown := rss(t) - before; grown > 100<<20 {
			t.Errorf("three million rows took %d MB more memory than one million", grown>>20)
		}
	})
}

func TestBigInsert(t *testing.T) {
	eachProtocol(t, func(t *testing.T, tg target) {
		conn := tg.database(t)
		mustExec(t, conn, "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
		batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO t")
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat("x", 100)
		for block := range uint64(4) { // four blocks of one insert
			for i := range uint64(100_000) {
				if err := batch.Append(block*100_000+i, text); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
		if n := value[uint64](t, conn, "SELECT count() FROM t WHERE length(s) = 100"); n != 400_000 {
			t.Errorf("%d rows, want 400000", n)
		}
	})
}
