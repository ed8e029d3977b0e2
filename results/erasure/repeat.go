package erasure

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"parley/schemas"
)

// again finds remembered erasures of which rows are there again.
const again = `SELECT account, subject, groupArray(partition) AS partitions, groupArray(sequence) AS sequences
FROM (SELECT account, subject, partition, max(sequence) AS sequence FROM erasures GROUP BY account, subject, partition)
WHERE (account, subject) GLOBAL IN (
	SELECT r.account, r.subject
	FROM (SELECT account, subject, partition, sequence FROM results_log WHERE (account, subject) GLOBAL IN (SELECT account, subject FROM erasures)) AS r
	GLOBAL INNER JOIN (SELECT account, subject, partition, max(sequence) AS upto FROM erasures GROUP BY account, subject, partition) AS e
		ON r.account = e.account AND r.subject = e.subject AND r.partition = e.partition
	WHERE r.sequence <= e.upto)
GROUP BY account, subject`

// Repeat erases again of whom rows are there again that had been erased, and counts them.
func (e *Eraser) Repeat(ctx context.Context) (sum schemas.RecordErased, err error) {
	var found []struct {
		Account    string  `ch:"account"`
		Subject    uint64  `ch:"subject"`
		Partitions []int32 `ch:"partitions"`
		Sequences  []int64 `ch:"sequences"`
	}
	if err := e.conn.Select(ctx, &found, again); err != nil {
		return sum, unavailable(fmt.Errorf("look for rows that came again: %w", err))
	}
	for _, f := range found {
		q := schemas.RecordErasure{Account: f.Account, Subject: f.Subject, Upto: make(map[int32]int64, len(f.Partitions))}
		for i, p := range f.Partitions {
			q.Upto[p] = f.Sequences[i]
		}
		erased, err := e.erase(ctx, q)
		if err != nil {
			return sum, unavailable(err)
		}
		sum.Results, sum.Calls = sum.Results+erased.Results, sum.Calls+erased.Calls
	}
	return sum, nil
}

const (
	// repeatEvery is the time between two looks for rows that came again. Before the first the sink may have to make the
	// tables.
	repeatEvery = time.Hour
	// repeatTimeout bounds one.
	repeatTimeout = 10 * time.Minute
)

// Run repeats what was erased now and then, until ctx ends.
func (e *Eraser) Run(ctx context.Context, log *slog.Logger) error {
	every := time.NewTicker(repeatEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
			e.repeat(ctx, log)
		}
	}
}

func (e *Eraser) repeat(ctx context.Context, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, repeatTimeout)
	defer cancel()
	switch erased, err := e.Repeat(ctx); {
	case err != nil && ctx.Err() == nil:
		log.Warn("rows of ClickHouse that were erased and came again are not looked for; they are in an hour", "error", err)
	case erased != schemas.RecordErased{}:
		log.Info("rows of ClickHouse that were erased had come again, and are erased again", "results", erased.Results, "calls", erased.Calls)
	}
}
