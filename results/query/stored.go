package query

import (
	"context"
	"fmt"

	"parley/results/record"
	"parley/schemas"
)

// Stored is how far the record has come: no result up to there comes any more, so whoever reads no further misses none.
func (q *Query) Stored(ctx context.Context) (schemas.Cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, q.bounds.answer)
	defer cancel()
	stored, err := record.Stored(ctx, q.conn)
	if err != nil {
		return schemas.Cursor{}, fmt.Errorf("%w: %w", schemas.ErrUnavailable, err)
	}
	var c schemas.Cursor
	for partition, sequence := range stored {
		c.Advance(partition, sequence)
	}
	return c, nil
}
