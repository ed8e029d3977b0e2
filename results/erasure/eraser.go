package erasure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/internal/pause"
	"parley/results/record"
	"parley/schemas"
)

// Eraser erases what is recorded of persons. It may be shared.
type Eraser struct {
	conn driver.Conn
}

// New returns an Eraser for a database with the current schema (record.Open, record.Migrate). The caller closes conn.
func New(conn driver.Conn) *Eraser { return &Eraser{conn: conn} }

// callsAtOnce bounds the calls of one statement.
const callsAtOnce = 5_000

// Erase erases what is recorded of a person, or counts it, and returns when it is gone from every query. It first waits, as
// long as ctx lives, until all events are stored that it is about. Its error wraps schemas.ErrUnavailable; to do it again is
// safe, also when it came to nothing half-way.
func (e *Eraser) Erase(ctx context.Context, q schemas.RecordErasure) (schemas.RecordErased, error) {
	if err := e.stored(ctx, q.Upto); err != nil {
		return schemas.RecordErased{}, unavailable(err)
	}
	found, err := e.erase(ctx, q)
	if err != nil {
		return found, unavailable(err)
	}
	return found, nil
}

func unavailable(err error) error {
	return fmt.Errorf("erase from the record: %w: %w", schemas.ErrUnavailable, err)
}

func (e *Eraser) erase(ctx context.Context, q schemas.RecordErasure) (found schemas.RecordErased, err error) {
	about := aboutSubject(q)
	if found.Results, err = e.count(ctx, `SELECT count() FROM results_log FINAL WHERE `+about); err != nil {
		return found, fmt.Errorf("count results: %w", err)
	}
	calls, err := e.callsWithMessage(ctx, about)
	if err != nil {
		return found, err
	}
	if found.Calls = int64(len(calls)); q.DryRun {
		return found, nil
	}
	if err := e.remember(ctx, q); err != nil {
		return found, err
	}
	// What a call says all its objects say that have no word of their own. Calls are found by their own message, and by the
	// results of the person, which so come last.
	for some := range slices.Chunk(calls, callsAtOnce) {
		for _, table := range []string{"results_log", "calls_log"} {
			if err := e.update(ctx, table, `message = ''`, account(q.Account)+` AND (partition, sequence) IN (`+strings.Join(some, ", ")+`)`); err != nil {
				return found, err
			}
		}
	}
	// FINAL shows one of rows that came twice: the count does not tell whether there is another.
	return found, e.update(ctx, "results_log", `customer_key = '', message = '', subject = 0`, about)
}

// storedPause is the time between two looks at how far the record has come.
const storedPause = 100 * time.Millisecond

// stored returns when the events of each partition are stored up to a sequence.
func (e *Eraser) stored(ctx context.Context, upto map[int32]int64) error {
	for {
		behind, err := e.behind(ctx, upto)
		if err != nil || behind == "" {
			return err
		}
		if pause.For(ctx, storedPause) != nil {
			return fmt.Errorf("not all events are stored yet: %s", behind)
		}
	}
}

// behind says of a partition that not all of its events are stored; empty: of all they are.
func (e *Eraser) behind(ctx context.Context, upto map[int32]int64) (string, error) {
	stored, err := record.Stored(ctx, e.conn)
	if err != nil {
		return "", err
	}
	for _, p := range slices.Sorted(maps.Keys(upto)) {
		if stored[p] < upto[p] {
			return fmt.Sprintf("partition %d up to %d of %d", p, stored[p], upto[p]), nil
		}
	}
	return "", nil
}

// callsWithMessage are the calls with a message that have objects of the person, as tuples of SQL.
func (e *Eraser) callsWithMessage(ctx context.Context, about string) ([]string, error) {
	var found []struct {
		Partition int32 `ch:"partition"`
		Sequence  int64 `ch:"sequence"`
	}
	err := e.conn.Select(ctx, &found, `SELECT DISTINCT partition, sequence FROM calls_log
		WHERE message != '' AND (account, partition, sequence) GLOBAL IN (SELECT account, partition, sequence FROM results_log WHERE `+about+`)`)
	if err != nil {
		return nil, fmt.Errorf("look up calls: %w", err)
	}
	out := make([]string, len(found))
	for i, c := range found {
		out[i] = fmt.Sprintf("(%d, %d)", c.Partition, c.Sequence)
	}
	return out, nil
}

// remember keeps that a person is erased, before it is done.
func (e *Eraser) remember(ctx context.Context, q schemas.RecordErasure) error {
	b, err := e.conn.PrepareBatch(ctx, `INSERT INTO erasures (account, subject, partition, sequence)`)
	if err != nil {
		return fmt.Errorf("remember erasure: %w", err)
	}
	for _, p := range slices.Sorted(maps.Keys(q.Upto)) {
		if err := b.Append(q.Account, q.Subject, p, q.Upto[p]); err != nil {
			return fmt.Errorf("remember erasure: %w", errors.Join(err, b.Abort()))
		}
	}
	if err := b.Send(); err != nil {
		return fmt.Errorf("remember erasure: %w", err)
	}
	return nil
}

// update changes the rows of a table for which a condition holds, and returns when every replica has.
func (e *Eraser) update(ctx context.Context, table, set, where string) error {
	at, err := e.place(ctx, table)
	if err != nil {
		return err
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": 2}))
	if err := e.conn.Exec(ctx, `ALTER TABLE `+at+` UPDATE `+set+` WHERE `+where); err != nil {
		return fmt.Errorf("update %s: %w", table, err)
	}
	return nil
}

func (e *Eraser) count(ctx context.Context, statement string) (int64, error) {
	var n uint64
	err := e.conn.QueryRow(ctx, statement).Scan(&n)
	return int64(n), err
}

// aboutSubject is the condition on rows of results_log that tell of the person. A mutation takes no parameters, so they are
// written out.
func aboutSubject(q schemas.RecordErasure) string {
	partitions := slices.Sorted(maps.Keys(q.Upto))
	var of, upto []string
	for _, p := range partitions {
		of, upto = append(of, strconv.Itoa(int(p))), append(upto, strconv.FormatInt(q.Upto[p], 10))
	}
	return fmt.Sprintf(`%s AND subject = %d AND sequence <= transform(partition, [%s]::Array(Int32), [%s]::Array(Int64), 0::Int64)`,
		account(q.Account), q.Subject, strings.Join(of, ", "), strings.Join(upto, ", "))
}

// account is the condition on rows of an account.
func account(name string) string {
	return `account = ` + record.Literal(name)
}
