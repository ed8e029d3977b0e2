package query

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"parley/schemas"
)

// Books returns how far the record has come, and what was found when its rows were last compared with what must be there:
// see results/audit.
func (q *Query) Books(ctx context.Context) (*schemas.RecordBooks, error) {
	ctx, cancel := context.WithTimeout(ctx, q.bounds.answer)
	defer cancel()
	stored, err := q.Stored(ctx)
	if err != nil {
		return nil, err
	}
	found, err := rows[auditRow](ctx, q.conn, `SELECT partition, checked_at, checked_from, checked_to, problems FROM audit FINAL`)
	if err != nil {
		return nil, fmt.Errorf("look up audits: %w", err)
	}
	b := &schemas.RecordBooks{Stored: make(map[int32]int64)}
	for partition, sequence := range stored.Sequences {
		b.Stored[int32(partition)] = sequence
	}
	for _, r := range found {
		a, err := r.audit()
		if err != nil {
			return nil, err
		}
		b.Audits = append(b.Audits, a)
	}
	return b, nil
}

// auditRow is a row of the table audit.
type auditRow struct {
	Partition   int32     `ch:"partition"`
	CheckedAt   time.Time `ch:"checked_at"`
	CheckedFrom int64     `ch:"checked_from"`
	CheckedTo   int64     `ch:"checked_to"`
	Problems    string    `ch:"problems"`
}

// audit is what the row says.
func (r auditRow) audit() (schemas.RecordAudit, error) {
	a := schemas.RecordAudit{Partition: r.Partition, From: r.CheckedFrom, To: r.CheckedTo, At: r.CheckedAt}
	if err := json.Unmarshal([]byte(r.Problems), &a.Problems); err != nil {
		return a, fmt.Errorf("read problems of partition %d: %w", r.Partition, err)
	}
	return a, nil
}
