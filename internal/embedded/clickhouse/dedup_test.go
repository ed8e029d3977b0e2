package clickhouse_test

import (
	"context"
	"errors"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// TestDeduplicationToken holds what the results sink relies on: an insert that is repeated with the same token is
// dropped, in the table, in all its partitions, and in what materialized views make of it; one with another token is not.
func TestDeduplicationToken(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		for _, method := range []ch.CompressionMethod{ch.CompressionNone, ch.CompressionLZ4} {
			conn := tg.database(t, withCompression(method))
			mustExec(t, conn, `CREATE TABLE log (id UInt64, kind String, at DateTime) ENGINE = ReplacingMergeTree
				PARTITION BY toYYYYMM(at) ORDER BY (id, at) SETTINGS non_replicated_deduplication_window = 1000`)
			mustExec(t, conn, `CREATE TABLE per_kind (kind String, n UInt64) ENGINE = SummingMergeTree
				ORDER BY kind SETTINGS non_replicated_deduplication_window = 1000`)
			mustExec(t, conn, "CREATE MATERIALIZED VIEW per_kind_mv TO per_kind AS SELECT kind, count() AS n FROM log GROUP BY kind")
			for _, step := range []struct {
				token string
				rows  int
				want  uint64
			}{
				{"results-0-0-100", 100, 100},
				{"results-0-0-100", 100, 100},
				{"results-0-100-200", 100, 200}, // equal rows, another range
				{"results-0-100-200", 100, 200},
				{"results-1-0-5", 5, 205},
			} {
				insertWithToken(t, conn, step.token, step.rows)
				if n := value[uint64](t, conn, "SELECT count() FROM log"); n != step.want {
					t.Errorf("%s, token %s: %d rows, want %d", method, step.token, n, step.want)
				}
				if n := value[uint64](t, conn, "SELECT sum(n) FROM per_kind"); n != step.want {
					t.Errorf("%s, token %s: the view counts %d rows, want %d", method, step.token, n, step.want)
				}
			}
		}
	})
}

// insertWithToken sends rows of two partitions as one block.
func insertWithToken(t *testing.T, conn driver.Conn, token string, rows int) {
	t.Helper()
	ctx := ch.Context(context.Background(), ch.WithSettings(ch.Settings{
		"insert_deduplication_token": token, "deduplicate_blocks_in_dependent_materialized_views": 1,
	}))
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO log (id, kind, at)")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 30, 23, 59, 0, 0, time.UTC)
	for i := range rows {
		if err := batch.Append(uint64(i), "kind", start.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(batch.Send()); err != nil {
		t.Fatal(err)
	}
}
