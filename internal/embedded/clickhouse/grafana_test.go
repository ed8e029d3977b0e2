package clickhouse_test

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// TestGrafana asks what Grafana's data source asks, as it does: through database/sql, with its settings, on both protocols.
// See github.com/grafana/clickhouse-datasource: pkg/plugin/driver.go, pkg/converters, src/data/CHDatasource.ts.
func TestGrafana(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, tg target) {
		conn := tg.database(t)
		name := value[string](t, conn, "SELECT currentDatabase()")
		mustExec(t, conn, `CREATE TABLE results (at DateTime64(3, 'UTC') COMMENT 'when', account LowCardinality(String), status LowCardinality(String),
			n UInt64, share Nullable(Float64), tags Map(String, String)) ENGINE = MergeTree ORDER BY (account, at)`)
		mustExec(t, conn, `INSERT INTO results SELECT toDateTime64('2026-11-22 00:00:00', 3, 'UTC') + number, concat('account ', toString(number % 3)),
			if(number % 10 = 0, 'Error', 'OK'), number, if(number % 2 = 0, NULL, 0.5), map('k', 'v') FROM numbers(36000)`)
		o := tg.options
		o.Auth.Database = name
		o.DialTimeout, o.ReadTimeout = 10*time.Second, time.Minute
		o.Compression = &ch.Compression{Method: ch.CompressionLZ4}
		o.ClientInfo = ch.ClientInfo{Products: []struct{ Name, Version string }{{"grafana", "12"}, {"clickhouse-datasource", "4"}}}
		db := ch.OpenDB(&o)
		defer db.Close()
		if err := db.PingContext(context.Background()); err != nil { // its health check
			t.Fatal(err)
		}
		for _, q := range []struct {
			sql  string
			rows int // 0: any number but none
		}{
			{"SELECT 1", 1},
			{"SELECT version()", 1},
			{"SHOW DATABASES", 0},
			{"SELECT name FROM system.databases", 0},
			{"SHOW TABLES FROM `" + name + "`", 1},
			{"SELECT name FROM system.tables WHERE database = '" + name + "'", 1},
			{"DESC TABLE `" + name + "`.`results`", 6},
			{"DESC TABLE `" + name + "`.`results` SETTINGS describe_compact_output = 1", 6},
			{"SELECT name, type, table FROM system.columns WHERE database = '" + name + "'", 6},
			{"SELECT DISTINCT arrayJoin(mapKeys(tags)) AS keys FROM `" + name + "`.`results` LIMIT 1000", 1},
			{"SELECT name, type, comment FROM system.columns WHERE database = currentDatabase() AND table = 'results' ORDER BY position", 6},
			{"SELECT DISTINCT account FROM results ORDER BY account LIMIT 1000", 3},
			{"SELECT name, value, description, changed FROM system.settings WHERE name = 'max_execution_time'", 1},
			{"SELECT name FROM system.functions WHERE origin = 'System' LIMIT 3", 3},
			{`SELECT toStartOfInterval(at, INTERVAL 60 second) AS time, status, count() AS n FROM results
				WHERE (at >= fromUnixTimestamp64Milli(1795305600000) AND at <= fromUnixTimestamp64Milli(1795309199999)) GROUP BY time, status ORDER BY time LIMIT 10000`, 120},
			{`SELECT bucket AS time, quantiles(0.5, 0.95, 0.99)(n)[3] AS p99, avg(share) AS share FROM
				(SELECT toStartOfHour(at) AS bucket, n, share FROM results) GROUP BY time ORDER BY time`, 10},
			{"SELECT t.account, groupArray((t.time, t.c)) AS series FROM (SELECT account, toStartOfHour(at) AS time, count() AS c FROM results GROUP BY account, time ORDER BY time) AS t GROUP BY t.account", 3},
			{"EXPLAIN SELECT count() FROM results WHERE account = 'x'", 0},
			{"SELECT * FROM results WHERE account = 'nobody' LIMIT 100", -1},
		} {
			ctx, cancel := context.WithTimeout(ch.Context(context.Background(), ch.WithSettings(ch.Settings{"max_execution_time": 60, "readonly": 0})), time.Minute)
			rows, err := readAll(ctx, db, q.sql)
			cancel()
			if err != nil || q.rows > 0 && rows != q.rows || q.rows == 0 && rows == 0 || q.rows < 0 && rows != 0 {
				t.Errorf("%s: %d rows: %v", q.sql, rows, err)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		if _, err := readAll(ctx, db, endless("grafana")); err == nil {
			t.Error("a query outlasts the panel that asked for it")
		}
		eventually(t, "the query has stopped", func() bool { return running(t, conn, "grafana") == 0 })
	})
}

// readAll reads the rows of a query into values of the types that the driver names, and counts them.
func readAll(ctx context.Context, db *sql.DB, text string) (count int, err error) {
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Err(), rows.Close()) }()
	types, err := rows.ColumnTypes()
	if err != nil {
		return 0, err
	}
	for rows.Next() {
		values := make([]any, len(types))
		for i, typ := range types {
			values[i] = reflect.New(typ.ScanType()).Interface()
		}
		if err := rows.Scan(values...); err != nil {
			return count, err
		}
		count++
	}
	return count, nil
}
