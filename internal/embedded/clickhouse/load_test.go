package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// TestHugeAnswer reads many rows over HTTP, as text, in rows and in blocks, in memory that does not grow with them. Not so
// Parquet, whose writer keeps a row group: a million rows, unless output_format_parquet_row_group_size says fewer.
func TestHugeAnswer(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	for _, format := range []string{"CSVWithNames", "RowBinary", "Native"} {
		read := func(rows int) {
			t.Helper()
			sql := fmt.Sprintf("SELECT number, repeat('x', 200) AS c FROM numbers(%d)", rows)
			resp, err := client.Post("http://"+server.HTTPAddr()+"/?"+params("default_format", format).Encode(), "", strings.NewReader(sql))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < 200*int64(rows) {
				t.Fatalf("%s: %d bytes of %d rows: %v", format, n, rows, err)
			}
		}
		const few, many = 200_000, 2_000_000 // many are 400 MB
		read(few)
		before := rss(t)
		read(many)
		if grown := rss(t) - before; grown > 150<<20 {
			t.Errorf("%s: %d rows took %d MB more memory than %d", format, many, grown>>20, few)
		}
	}
}

// TestSlowReaders asks for endless answers on both protocols and does not read them. Others must not notice.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	const sql = "SELECT number /* slowreader */ FROM numbers(1000000000000)"
	for range 8 {
		c := dialRaw(t, db)
		c.query(sql)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+server.HTTPAddr()+"/", strings.NewReader(sql))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() }) // the answer is torn
	}
	for i := range uint64(20) {
		if got := value[uint64](t, conn, "SELECT sum(number) + ? FROM numbers(100000)", i); got != 4_999_950_000+i {
			t.Errorf("beside slow readers: %d", got)
		}
		if _, _, body := web(t, "POST", nil, strings.NewReader("SELECT 1")); body != "1\n" {
			t.Errorf("beside slow readers: %q", body)
		}
	}
}

// TestSlowReadersLeave has the clients of endless answers go without having read them.
func TestSlowReadersLeave(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	const sql = "SELECT number /* leaving */ FROM numbers(1000000000000)"
	for _, format := range []string{"TSV", "JSON", "Native", "Parquet"} {
		ctx, cancel := context.WithCancel(context.Background())
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+server.HTTPAddr()+"/?default_format="+format, strings.NewReader(sql))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		c := dialRaw(t, db)
		c.query(sql)
		eventually(t, "both queries run", func() bool { return running(t, conn, "leaving") == 2 })
		cancel()
		if err := errors.Join(resp.Body.Close(), c.conn.Close()); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		eventually(t, format+": the queries have stopped", func() bool { return running(t, conn, "leaving") == 0 })
	}
}

// TestMixedLoad has 32 clients of both protocols insert and select at once.
func TestMixedLoad(t *testing.T) {
	t.Parallel()
	conn, name := embedded(t)
	mustExec(t, conn, "CREATE TABLE t (client UInt32, n UInt32, s String) ENGINE = MergeTree ORDER BY (client, n)")
	const clients, rounds, rows = 32, 4, 500
	var wg sync.WaitGroup
	for client := range uint32(clients) {
		o := ch.Options{Addr: []string{server.Addr()}, Auth: ch.Auth{Database: name}, DialTimeout: 20 * time.Second}
		if client%2 == 1 {
			o.Protocol, o.Addr = ch.HTTP, []string{server.HTTPAddr()}
		}
		o.Compression = &ch.Compression{Method: []ch.CompressionMethod{ch.CompressionNone, ch.CompressionLZ4, ch.CompressionZSTD}[client%3]}
		wg.Go(func() { mixedClient(t, &o, client, rounds, rows) })
	}
	wg.Wait()
	if n := value[uint64](t, conn, "SELECT uniqExact(client, n) FROM t"); n != clients*rounds*rows {
		t.Errorf("%d rows, want %d", n, clients*rounds*rows)
	}
}

// mixedClient inserts batches, and reads after each what it has inserted.
func mixedClient(t *testing.T, o *ch.Options, client uint32, rounds, rows int) {
	conn, err := ch.Open(o)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	for round := range rounds {
		batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO t")
		if err != nil {
			t.Errorf("client %d: %v", client, err)
			return
		}
		for i := range rows {
			err = errors.Join(err, batch.Append(client, uint32(round*rows+i), "text"))
		}
		if err := errors.Join(err, batch.Send()); err != nil {
			t.Errorf("client %d: %v", client, err)
			return
		}
		var got uint64
		err = conn.QueryRow(context.Background(), "SELECT count() FROM t WHERE client = {c:UInt32}", ch.Named("c", client)).Scan(&got)
		if want := uint64((round + 1) * rows); err != nil || got != want {
			t.Errorf("client %d sees %d of its rows, want %d: %v", client, got, want, err)
		}
	}
}
