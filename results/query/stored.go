package query

import (
	"context"
	"fmt"

	"parley/schemas"
)

// Stored is how far the record has come: no result up to there comes any more, so whoever reads no further misses none.
func (q *Query) Stored(ctx context.Context) (schemas.Cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found, err := rows[storedRow](ctx, q.conn, `SELECT partition, max(sequence) AS sequence FROM stored GROUP BY partition`)
	if err != nil {
		return schemas.Cursor{}, fmt.Errorf("look up how far the record has come: %w", err)
	}
	var c schemas.Cursor
	for _, r := range found {
		c.Advance(r.Partition, r.Sequence)
	}
	return c, nil
}

// storedRow is a row of the table stored.
type storedRow struct {
	Partition int32 `ch:"partition"`
	Sequence  int64 `ch:"sequence"`
}
