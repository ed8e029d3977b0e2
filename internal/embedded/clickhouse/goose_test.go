package clickhouse_test

import (
	"context"
	"testing"
	"testing/fstest"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/pressly/goose/v3"
)

// TestGoose migrates up, again, and down through database/sql, as Parley's start does.
func TestGoose(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		name := value[string](t, tg.database(t), "SELECT currentDatabase()")
		o := tg.options
		o.Auth.Database = name
		db := ch.OpenDB(&o)
		defer db.Close()
		provider, err := goose.NewProvider(goose.DialectClickHouse, db, fstest.MapFS{
			"00001_log.sql": {Data: []byte(`-- +goose Up
CREATE TABLE log (id UInt64, kind LowCardinality(String)) ENGINE = ReplacingMergeTree ORDER BY id;
CREATE VIEW log_once AS SELECT * FROM log FINAL; -- a second statement
-- +goose Down
DROP VIEW log_once;
DROP TABLE log;
`)},
			"00002_rows.sql": {Data: []byte(`-- +goose Up
INSERT INTO log (id, kind) VALUES (1, 'a;b'), (1, 'c');
-- +goose StatementBegin
ALTER TABLE log ADD COLUMN n UInt8;
-- +goose StatementEnd
-- +goose Down
ALTER TABLE log DROP COLUMN n;
`)},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		for _, want := range []int{2, 0} {
			results, err := provider.Up(ctx)
			if err != nil || len(results) != want {
				t.Fatalf("up applied %d migrations, want %d: %v", len(results), want, err)
			}
		}
		if version, err := provider.GetDBVersion(ctx); err != nil || version != 2 {
			t.Errorf("version %d, want 2: %v", version, err)
		}
		var n int
		if err := db.QueryRow("SELECT count() FROM log_once").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d rows in the view, want 1: %v", n, err)
		}
		if _, err := provider.DownTo(ctx, 0); err != nil {
			t.Errorf("down: %v", err)
		}
		if version, err := provider.GetDBVersion(ctx); err != nil || version != 0 {
			t.Errorf("version %d after down, want 0: %v", version, err)
		}
	})
}
