package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// reorderVersion is the step behind 00007_results_in_sequence.sql.
const reorderVersion = 8

// reorder puts results_log_in_sequence in the place of results_log, with all rows. It is no SQL file, as it looks at what is
// there: the tables may be exchanged once only, also by several starters. A starter that comes too late for one of the
// statements is refused, and begins again with what the other has made of it.
//
// Rows that come meanwhile, of whatever version their sink is, go into the table that has the name.
func reorder(ctx context.Context, db *sql.DB) error {
	old, err := inFirstOrder(ctx, db)
	if err != nil {
		return err
	}
	if old {
		if _, err := db.ExecContext(ctx, `RENAME TABLE results_log TO results_log_until_7, results_log_in_sequence TO results_log`); err != nil {
			return fmt.Errorf("exchange results_log: %w", err)
		}
	}
	if err := takeOver(ctx, db); err != nil {
		return err
	}
	// What a starter has made again after another exchanged it.
	_, err = db.ExecContext(ctx, `DROP TABLE IF EXISTS results_log_in_sequence SYNC`)
	return err
}

// inFirstOrder reports whether results_log is the table of step 1.
func inFirstOrder(ctx context.Context, db *sql.DB) (bool, error) {
	var key string
	err := db.QueryRowContext(ctx, `SELECT sorting_key FROM system.tables WHERE database = currentDatabase() AND name = 'results_log'`).Scan(&key)
	if err != nil {
		return false, fmt.Errorf("look up the order of results_log: %w", err)
	}
	return strings.HasPrefix(key, "account, conversation_id"), nil
}

// takeOver copies the rows of the first results_log, and drops it. Rows that are copied twice are one.
func takeOver(ctx context.Context, db *sql.DB) error {
	var name string
	err := db.QueryRowContext(ctx, `SELECT name FROM system.tables WHERE database = currentDatabase() AND name = 'results_log_until_7'`).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for the first results_log: %w", err)
	}
	for _, statement := range []string{
		`INSERT INTO results_log
			(account, conversation_id, request_id, sequence_code, ordinal, correlation_id, method, object_type, customer_key, status,
			error_code, message, accepted_at, started_at, completed_at, partition, sequence)
		SELECT account, conversation_id, request_id, sequence_code, ordinal, correlation_id, method, object_type, customer_key, status,
			error_code, message, accepted_at, started_at, completed_at, partition, sequence
		FROM results_log_until_7 SETTINGS max_partitions_per_insert_block = 0`,
		// Of a block, conversations_log had its rows last.
		`INSERT INTO stored (partition, sequence) SELECT partition, max(sequence) FROM conversations_log GROUP BY partition`,
		`DROP TABLE results_log_until_7 SYNC`,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("take over the first results_log: %w", err)
		}
	}
	return nil
}
