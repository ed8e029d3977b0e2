package record

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// reorderVersion is the step behind 00007_results_in_sequence.sql.
const reorderVersion = 8

const (
	// inSequence is the table of step 7 that becomes results_log.
	inSequence = "results_log_in_sequence"
	// asidePrefix begins the name of a results_log that was set aside. The rest of it is random, so that a name means the
	// same table for ever: whoever drops it drops what it has copied.
	asidePrefix = "results_log_aside_"
)

// reorder puts results_log_in_sequence in the place of results_log, with all rows. It is no SQL file, as it looks at what is
// there before each statement. Any of them may be the last that a starter is able to do, and several starters may be at it,
// of which one acts on what it saw a while ago: the one that comes too late is refused, and begins again with what the
// others have made of it. The worst that it can do is to set a table aside that was in its place already, which is found
// and copied like the first.
//
// Rows that come meanwhile, of whatever version their sink is, go into the table that has the name; for the moment in which
// none has it, sinks try again.
func reorder(ctx context.Context, db *sql.DB) error {
	// So far conversations_log received the rows of a block last. What comes now, a sink that knows of stored says.
	if _, err := db.ExecContext(ctx, `INSERT INTO stored (partition, sequence) SELECT partition, max(sequence) FROM conversations_log GROUP BY partition`); err != nil {
		return fmt.Errorf("say what is stored: %w", err)
	}
	if err := exchange(ctx, db); err != nil {
		return err
	}
	aside, err := tables(ctx, db)
	if err != nil {
		return err
	}
	for name := range aside {
		if strings.HasPrefix(name, asidePrefix) {
			if err := takeOver(ctx, db, name); err != nil {
				return fmt.Errorf("take over the rows of %s: %w", name, err)
			}
		}
	}
	// What a starter has made again after another exchanged it, without a row.
	_, err = db.ExecContext(ctx, `DROP TABLE IF EXISTS `+inSequence+` SYNC`)
	return err
}

// errInMotion says that results_log, or what could take its place, was not there at the moment: another starter is
// exchanging them.
var errInMotion = errors.New("no table is in its place, nor could one take it")

// exchange leaves a table in the new order under the name results_log.
func exchange(ctx context.Context, db *sql.DB) error {
	for {
		orders, err := tables(ctx, db)
		if err != nil {
			return err
		}
		var from, to string
		switch order, found := orders["results_log"]; {
		case found && inNewOrder(order):
			return nil
		case found:
			from, to = "results_log", asidePrefix+strings.ToLower(rand.Text())
		default:
			from, to = successor(orders), "results_log"
		}
		if from == "" {
			return fmt.Errorf("exchange results_log: %w", errInMotion)
		}
		if _, err := db.ExecContext(ctx, `RENAME TABLE `+from+` TO `+to); err != nil {
			return fmt.Errorf("exchange results_log: %w", err)
		}
	}
}

// successor names the table that takes the place of results_log: one that had it before, with what hangs on it, else the
// one of step 7; "": there is none.
func successor(orders map[string]string) string {
	for name, order := range orders {
		if strings.HasPrefix(name, asidePrefix) && inNewOrder(order) {
			return name
		}
	}
	if orders[inSequence] != "" {
		return inSequence
	}
	return ""
}

func inNewOrder(sortingKey string) bool { return strings.HasPrefix(sortingKey, "account, partition") }

// tables returns the sorting keys of results_log and all that stand for it, by their names.
func tables(ctx context.Context, db *sql.DB) (map[string]string, error) {
	orders := map[string]string{}
	err := each(ctx, db, func(rows *sql.Rows) error {
		var name, key string
		err := rows.Scan(&name, &key)
		orders[name] = key
		return err
	}, `SELECT name, sorting_key FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'results_log') AND sorting_key != ''`)
	if err != nil {
		return nil, fmt.Errorf("look up the order of results_log: %w", err)
	}
	return orders, nil
}

// takeOver copies the rows of a table that was set aside into results_log, month by month, and drops each month when it is
// copied: so it needs little room, and a starter goes on where another ended. Rows that are copied twice are one.
func takeOver(ctx context.Context, db *sql.DB, name string) error {
	// One may have begun while results_log was this table, and still writes into it.
	if err := (Schema{}).untilWritten(ctx, db); err != nil {
		return err
	}
	columns, err := names(ctx, db, `SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ? ORDER BY position`, name)
	if err != nil {
		return err
	}
	months, err := names(ctx, db, `SELECT DISTINCT partition_id FROM system.parts WHERE database = currentDatabase() AND table = ? AND active ORDER BY partition_id`, name)
	if err != nil {
		return err
	}
	list := strings.Join(columns, ", ")
	for _, month := range months {
		for _, statement := range []string{
			fmt.Sprintf(`INSERT INTO results_log (%s) SELECT %s FROM %s WHERE _partition_id = '%s' SETTINGS max_partitions_per_insert_block = 0, insert_deduplicate = 0`, list, list, name, month),
			fmt.Sprintf(`ALTER TABLE %s DROP PARTITION ID '%s'`, name, month),
		} {
			if _, err := db.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
	}
	_, err = db.ExecContext(ctx, `DROP TABLE IF EXISTS `+name+` SYNC`)
	return err
}
