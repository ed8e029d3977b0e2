package record

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Stored is up to which sequence all events of a partition are there, for each partition of which there are any.
func Stored(ctx context.Context, conn driver.Conn) (map[int32]int64, error) {
	var rows []struct {
		Partition int32 `ch:"partition"`
		Sequence  int64 `ch:"sequence"`
	}
	if err := conn.Select(ctx, &rows, `SELECT partition, max(sequence) AS sequence FROM stored GROUP BY partition`); err != nil {
		return nil, fmt.Errorf("look up how far the record has come: %w", err)
	}
	stored := make(map[int32]int64, len(rows))
	for _, r := range rows {
		stored[r.Partition] = r.Sequence
	}
	return stored, nil
}
