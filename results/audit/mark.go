package audit

import (
	"context"
	"fmt"
	"time"

	"parley/schemas"
)

const (
	// markEvery is how often it is noted how far the partitions are.
	markEvery = 24 * time.Hour
	// markMargin is what clocks may differ by, of those who end calls, of ClickHouse, and ours.
	markMargin = time.Hour
)

// mark is how far a partition was at a time: the events behind Sequence have ended since.
type mark struct {
	Partition int32     `ch:"partition"`
	At        time.Time `ch:"at"`
	Sequence  int64     `ch:"sequence"`
}

// marks are those of all partitions, in the order of their times.
type marks map[int32][]mark

func (a *Auditor) readMarks(ctx context.Context) (marks, error) {
	var rows []mark
	if err := a.conn.Select(ctx, &rows, `SELECT partition, at, min(sequence) AS sequence FROM audit_marks GROUP BY partition, at ORDER BY partition, at`); err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	m := make(marks)
	for _, r := range rows {
		m[r.Partition] = append(m[r.Partition], r)
	}
	return m, nil
}

// due are the marks that it is time for.
func (m marks) due(counts []schemas.PartitionCounts, now time.Time) []mark {
	var due []mark
	for _, c := range counts {
		its := m[c.Partition]
		if n := len(its); n == 0 || now.Sub(its[n-1].At) >= markEvery {
			due = append(due, mark{Partition: c.Partition, At: now.Truncate(time.Millisecond), Sequence: c.Produced})
		}
	}
	return due
}

// writeMarks notes how far the partitions are that their owners have just told of.
func (a *Auditor) writeMarks(ctx context.Context, due []mark) error {
	if len(due) == 0 {
		return nil
	}
	batch, err := a.conn.PrepareBatch(ctx, "INSERT INTO audit_marks")
	if err != nil {
		return fmt.Errorf("write marks: %w", err)
	}
	defer func() { _ = batch.Close() }() // Send tells what went wrong
	for _, m := range due {
		if err := batch.Append(m.Partition, m.At, m.Sequence); err != nil {
			return fmt.Errorf("write marks: %w", err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("write marks: %w", err)
	}
	for _, m := range due {
		a.marks[m.Partition] = append(a.marks[m.Partition], m)
	}
	return nil
}

// kept is the first sequence of a partition whose event cannot be gone by its age, at a time. false: nobody knows it.
func (m marks) kept(partition int32, keep time.Duration, now time.Time) (int64, bool) {
	if keep == 0 {
		return 1, true
	}
	oldest := now.Add(-keep).Add(markMargin)
	for _, mark := range m[partition] {
		if !mark.At.Before(oldest) {
			return mark.Sequence + 1, true
		}
	}
	return 0, false
}
