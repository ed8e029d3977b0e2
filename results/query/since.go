package query

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"parley/results/record"
	"parley/schemas"
)

// placed is a cursor with a place in every partition, also in those of which it has but a Since: before the first result of
// the account that ended then or later, or at the end of what is stored. What is recorded later stands behind both.
func (q *Query) placed(ctx context.Context, account string, after, stored schemas.Cursor) (schemas.Cursor, error) {
	if after.Since.IsZero() {
		return after, nil
	}
	var c schemas.Cursor
	var unknown []string
	for i := range max(len(after.Sequences), len(stored.Sequences)) {
		partition := int32(i)
		if sequence := after.Sequence(partition); sequence != schemas.Unplaced {
			c.Advance(partition, sequence)
			continue
		}
		c.Advance(partition, stored.Sequence(partition))
		unknown = append(unknown, strconv.Itoa(i))
	}
	if len(unknown) == 0 {
		return c, nil
	}
	first, err := rows[sequenceRow](ctx, q.conn, "SELECT partition, min(sequence) AS sequence FROM results_log WHERE account = ? AND partition IN ("+
		strings.Join(unknown, ",")+") AND completed_at >= fromUnixTimestamp64Milli(?) GROUP BY partition", account, record.Milli(after.Since))
	if err != nil {
		return c, fmt.Errorf("find the first results since a time: %w", err)
	}
	for _, r := range first {
		c.Withdraw(r.Partition, r.Sequence)
	}
	return c, nil
}

// sequenceRow is a sequence of a partition.
type sequenceRow struct {
	Partition int32 `ch:"partition"`
	Sequence  int64 `ch:"sequence"`
}
