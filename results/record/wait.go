package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"parley/internal/pause"
)

// writtenPoll is how often untilWritten looks.
const writtenPoll = 20 * time.Millisecond

// untilWritten waits for the inserts into the tables of events that run now. They may have begun before the statement that
// went before, and know nothing of it: their rows go to no view that it made.
func (s Schema) untilWritten(ctx context.Context, db *sql.DB) error {
	processes := "system.processes"
	if s.Cluster != "" {
		processes = fmt.Sprintf("clusterAllReplicas('%s', system.processes)", s.Cluster)
	}
	inserts := `SELECT query_id FROM ` + processes + ` WHERE query_kind = 'Insert' AND query ILIKE 'insert into %\_log%' AND query NOT ILIKE '% select %'`
	first, err := names(ctx, db, inserts)
	if err != nil {
		return fmt.Errorf("look for inserts: %w", err)
	}
	for len(first) > 0 {
		if err := pause.For(ctx, writtenPoll); err != nil {
			return err
		}
		running, err := names(ctx, db, inserts)
		if err != nil {
			return fmt.Errorf("look for inserts: %w", err)
		}
		first = slices.DeleteFunc(first, func(id string) bool { return !slices.Contains(running, id) })
	}
	return nil
}

// names reads a column of names.
func names(ctx context.Context, db *sql.DB, statement string, args ...any) ([]string, error) {
	var all []string
	err := each(ctx, db, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		all = append(all, name)
		return err
	}, statement, args...)
	return all, err
}

// each reads the rows of a statement.
func each(ctx context.Context, db *sql.DB, scan func(*sql.Rows) error, statement string, args ...any) (err error) {
	rows, err := db.QueryContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
