package reports_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	benchRows   = 400_000
	benchBlocks = 16
)

// BenchmarkRollup inserts results with the rollup and without it, block by block as sinks do, and asks for the counts and the
// quantiles of every minute and group: of the rollup, and of the record. The rows are of 8 partitions and 30 groups, a
// thousand a second. Rows are made in the server, so that the insert is all that is measured.
func BenchmarkRollup(b *testing.B) {
	var with, without, counts, quantiles, rawCounts, rawQuantiles time.Duration
	var conn driver.Conn
	for b.Loop() {
		conn = open(b)
		source(b, conn)
		with += insertBench(b, conn)
		counts += timed(b, conn, `SELECT sum(r.results) FROM results_by_minute AS r`)
		quantiles += timed(b, conn, `SELECT sum(latency_p99_ms) FROM results_by_minute`)
		rawCounts += timed(b, conn, `SELECT sum(n) FROM (SELECT toStartOfMinute(completed_at) AS minute, count() AS n FROM results_log FINAL
			GROUP BY minute, account, route, method, object_type, status)`)
		rawQuantiles += timed(b, conn, `SELECT sum(p99) FROM (SELECT toStartOfMinute(completed_at) AS minute,
			quantileTDigest(0.99)(dateDiff('millisecond', accepted_at, completed_at)) AS p99 FROM results_log FINAL
			GROUP BY minute, account, route, method, object_type, status)`)
		bare := open(b)
		source(b, bare)
		timed(b, bare, `DROP VIEW results_to_minute`)
		without += insertBench(b, bare)
	}
	rows := float64(benchRows * b.N)
	b.ReportMetric(rows/with.Seconds(), "rows/s")
	b.ReportMetric(rows/without.Seconds(), "bare-rows/s")
	b.ReportMetric(counts.Seconds()*1000/float64(b.N), "counts-ms")
	b.ReportMetric(rawCounts.Seconds()*1000/float64(b.N), "record-counts-ms")
	b.ReportMetric(quantiles.Seconds()*1000/float64(b.N), "quantiles-ms")
	b.ReportMetric(rawQuantiles.Seconds()*1000/float64(b.N), "record-quantiles-ms")
	timed(b, conn, `OPTIMIZE TABLE results_by_minute_log FINAL`)
	var bytes uint64
	if err := conn.QueryRow(b.Context(), `SELECT sum(data_compressed_bytes) FROM system.parts
		WHERE database = currentDatabase() AND table = 'results_by_minute_log' AND active`).Scan(&bytes); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(bytes)/benchRows, "B/row")
	b.ReportMetric(0, "ns/op")
}

// source makes the rows, in a table of their own.
func source(b *testing.B, conn driver.Conn) {
	timed(b, conn, `CREATE TABLE source (block UInt8, row Tuple(account String, conversation_id String, request_id UUID, correlation_id String,
		customer_key String, method String, object_type String, status String, route String, accepted_at DateTime64(3, 'UTC'),
		started_at Nullable(DateTime64(3, 'UTC')), completed_at DateTime64(3, 'UTC'), partition Int32, sequence Int64)) ENGINE = MergeTree ORDER BY block`)
	timed(b, conn, fmt.Sprintf(`INSERT INTO source
		WITH toDateTime64('2026-11-22 08:00:00', 3, 'UTC') + toIntervalMillisecond(n) AS accepted, cityHash64(n) AS h
		SELECT intDiv(n * %d, %d), (['acme', 'globex', 'initech'][1 + h %% 3], concat('order-', toString(n)), generateUUIDv4(),
			concat('line-', toString(n)), concat('key-', toString(h %% 100000)), ['Create', 'Update', 'Delete'][1 + h %% 5 %% 3],
			['Contact', 'Email', 'Posting'][1 + h %% 7 %% 3], if(h %% 50 = 0, 'Error', 'OK'), ['crm', 'mail', 'ledger'][1 + h %% 7 %% 3],
			accepted, accepted + toIntervalMillisecond(h %% 5),
			accepted + toIntervalMillisecond(6 + toUInt32(exp(2.5 + 0.8 * randNormal(0, 1)))), n %% 8, 2 * intDiv(n, 8) + 1)
		FROM (SELECT number AS n FROM numbers(%d))`, benchBlocks, benchRows, benchRows))
}

// insertBench is how long it takes to insert the rows.
func insertBench(b *testing.B, conn driver.Conn) time.Duration {
	var took time.Duration
	for block := range benchBlocks {
		took += timed(b, conn, fmt.Sprintf(`INSERT INTO results_log (account, conversation_id, request_id, correlation_id, customer_key, method, object_type,
			status, route, accepted_at, started_at, completed_at, partition, sequence) SELECT untuple(row) FROM source WHERE block = %d`, block))
	}
	return took
}

// timed is how long a statement takes.
func timed(b *testing.B, conn driver.Conn, statement string) time.Duration {
	b.Helper()
	began := time.Now()
	if err := conn.Exec(b.Context(), statement); err != nil {
		b.Fatalf("%v\nin %s", err, statement)
	}
	return time.Since(began)
}
