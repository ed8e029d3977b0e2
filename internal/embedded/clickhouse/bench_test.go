package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// benchConn makes a table like Parley's results on the embedded server.
func benchConn(b *testing.B) driver.Conn {
	b.Helper()
	conn, err := ch.Open(&ch.Options{Addr: []string{server.Addr()}, Compression: &ch.Compression{Method: ch.CompressionLZ4}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := conn.Exec(context.Background(), "DROP TABLE bench SYNC"); err != nil {
			b.Error(err)
		}
		if err := conn.Close(); err != nil {
			b.Error(err)
		}
	})
	err = conn.Exec(context.Background(), `CREATE TABLE bench (account LowCardinality(String), conversation String, sequence UInt64,
		ordinal UInt32, status LowCardinality(String), message String, at DateTime64(3, 'UTC'))
		ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(at) ORDER BY (account, conversation, sequence, ordinal)
		SETTINGS non_replicated_deduplication_window = 1000`)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}

const benchBatch = 10_000

// benchInsert sends one batch, with a token as the sink does.
func benchInsert(b *testing.B, conn driver.Conn, n int) {
	b.Helper()
	ctx := ch.Context(context.Background(), ch.WithSettings(ch.Settings{"insert_deduplication_token": fmt.Sprint("bench-", n)}))
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO bench")
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for i := range benchBatch {
		id := n*benchBatch + i
		if err := batch.Append("account", fmt.Sprintf("conversation-%d", id/3), uint64(id), uint32(i%3), "OK", "", at); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkInsert measures batches of 10,000 rows through clickhouse-go with LZ4, client included.
func BenchmarkInsert(b *testing.B) {
	conn := benchConn(b)
	n := 0
	for b.Loop() {
		benchInsert(b, conn, n)
		n++
	}
	b.ReportMetric(float64(n)*benchBatch/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkPointQuery measures a lookup by the sort key among 100,000 rows.
func BenchmarkPointQuery(b *testing.B) {
	conn := benchConn(b)
	for n := range 10 {
		benchInsert(b, conn, n)
	}
	n := 0
	for b.Loop() {
		var sequence uint64
		sql := "SELECT sequence FROM bench WHERE account = 'account' AND conversation = ? LIMIT 1"
		if err := conn.QueryRow(context.Background(), sql, fmt.Sprintf("conversation-%d", n%30_000)).Scan(&sequence); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

// BenchmarkSelect measures streaming a million rows of three columns.
func BenchmarkSelect(b *testing.B) {
	conn := benchConn(b)
	rows := 0
	for b.Loop() {
		r, err := conn.Query(context.Background(), "SELECT number, toString(number), 'constant' FROM numbers(1000000)")
		if err != nil {
			b.Fatal(err)
		}
		for r.Next() {
			rows++
		}
		if err := r.Err(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkWebSelect measures the rows of BenchmarkSelect over HTTP, as text.
func BenchmarkWebSelect(b *testing.B) {
	const million = 1_000_000
	bytes, count := int64(0), 0
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	for b.Loop() {
		resp, err := client.Post("http://"+server.HTTPAddr()+"/", "", strings.NewReader("SELECT number, toString(number), 'constant' FROM numbers(1000000)"))
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			b.Fatal(err)
		}
		bytes, count = bytes+n, count+million
	}
	b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(bytes)/1e6/b.Elapsed().Seconds(), "MB/s")
}
