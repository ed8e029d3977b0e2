package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"parley/results/query"
	"parley/schemas"
)

// saveEvery is how often what was found is written although it is what it was: so that whoever reads it knows its age.
const saveEvery = 10 * time.Second

// readSaved returns what was found last, by partition.
func (a *Auditor) readSaved(ctx context.Context) (map[int32]schemas.RecordAudit, error) {
	books, err := query.New(a.conn).Books(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what was found before: %w", err)
	}
	saved := make(map[int32]schemas.RecordAudit)
	for _, audit := range books.Audits {
		saved[audit.Partition] = audit
	}
	return saved, nil
}

// save writes what was found, unless the same was not long ago.
func (a *Auditor) save(ctx context.Context, audits []schemas.RecordAudit) error {
	news := slices.DeleteFunc(slices.Clone(audits), func(now schemas.RecordAudit) bool {
		before, ok := a.saved[now.Partition]
		return ok && now.At.Sub(before.At) < saveEvery && reflect.DeepEqual(now.Problems, before.Problems)
	})
	if len(news) == 0 {
		return nil
	}
	batch, err := a.conn.PrepareBatch(ctx, "INSERT INTO audit")
	if err != nil {
		return fmt.Errorf("save what was found: %w", err)
	}
	defer func() { _ = batch.Close() }() // Send tells what went wrong
	for _, n := range news {
		problems, err := json.Marshal(n.Problems)
		if err != nil {
			return fmt.Errorf("save what was found: %w", err)
		}
		if err := batch.Append(n.Partition, n.At, n.From, n.To, string(problems)); err != nil {
			return fmt.Errorf("save what was found: %w", err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("save what was found: %w", err)
	}
	saved := maps.Clone(a.saved)
	for _, n := range news {
		saved[n.Partition] = n
	}
	a.saved = saved
	return nil
}
