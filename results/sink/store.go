package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/internal/certs"
	"parley/results/record"
)

// store is the ClickHouse database that receives the rows.
type store struct {
	dsn    string
	certs  *certs.Client
	schema record.Schema
	conn   driver.Conn
	log    *slog.Logger
}

// prepare brings the database to the current schema.
func (s *store) prepare(ctx context.Context) error {
	return record.Migrate(ctx, s.dsn, s.certs, s.schema, s.log)
}

// insert writes the rows of a table in one batch, of one block, under a token: repeated with the same token it changes
// nothing. After an error the rows may have been stored.
func (s *store) insert(ctx context.Context, t table, token string) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplicate":                                 1,
		"insert_deduplication_token":                         token,
		"deduplicate_blocks_in_dependent_materialized_views": 1, // what a crash kept from a view, the repetition brings
		"async_insert":                                       0,
		"distributed_foreground_insert":                      1, // of a cluster, the shards have the rows when it is answered
		"max_partitions_per_insert_block":                    0, // a call may be as old as it likes
	}))
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO "+t.name+" ("+strings.Join(names, ", ")+")")
	if err != nil {
		return fmt.Errorf("begin insert into %s: %w", t.name, err)
	}
	if err := t.fill(batch); err != nil {
		return errors.Join(err, batch.Abort())
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert into %s: %w", t.name, err)
	}
	return nil
}
