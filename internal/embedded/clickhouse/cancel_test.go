package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// endless is a query that no test waits out. Its mark tells it from others in system.processes.
func endless(mark string) string {
	return fmt.Sprintf("SELECT count() /* %s */ FROM numbers(1000000000000) WHERE sipHash64(number) = 1", mark)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		conn, other := tg.database(t), tg.connect(t)
		for i, sql := range []string{
			"SELECT count() /* %s */ FROM numbers(1000000000000) WHERE sipHash64(number) = 1", // no row ever
			"SELECT number /* %s */ FROM numbers(1000000000000)",                              // rows without end
			"CREATE TABLE t ENGINE = Memory AS SELECT count() /* %s */ FROM numbers(1000000000000) WHERE sipHash64(number) = 1",
		} {
			mark := fmt.Sprintf("cancel-%s-%d", tg.name, i)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- conn.Exec(ctx, fmt.Sprintf(sql, mark)) }()
			eventually(t, "the query runs", func() bool { return running(t, other, mark) > 0 })
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: error is %v, want %v", sql, err, context.Canceled)
			}
			eventually(t, "the query has stopped", func() bool { return running(t, other, mark) == 0 })
		}
		if got := value[uint8](t, conn, "SELECT 1"); got != 1 {
			t.Errorf("afterwards the client reads %d, want 1", got)
		}
	})
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		conn, other := tg.database(t), tg.connect(t)
		mark := "deadline-" + tg.name
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		if err := conn.Exec(ctx, endless(mark)); err == nil {
			t.Error("an endless query has ended without an error")
		}
		eventually(t, "the query has stopped", func() bool { return running(t, other, mark) == 0 })
		wantCode(t, conn.Exec(context.Background(), endless(mark)+" SETTINGS max_execution_time = 0.3"), 159)
	})
}

func TestKillQuery(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		conn, other := tg.database(t), tg.connect(t)
		mark := "kill-" + tg.name
		done := make(chan error, 1)
		go func() { done <- conn.Exec(context.Background(), endless(mark)) }()
		eventually(t, "the query runs", func() bool { return running(t, other, mark) > 0 })
		mustExec(t, other, "KILL QUERY WHERE query LIKE '%/* "+mark+" */%' AND query NOT LIKE 'KILL%' ASYNC")
		wantCode(t, <-done, 394)
	})
}

// TestAbandonedRows closes rows that were not read to their end.
func TestAbandonedRows(t *testing.T) {
	t.Parallel()
	eachTarget(t, func(t *testing.T, tg target) {
		conn, other := tg.database(t), tg.connect(t)
		mark := "abandoned-" + tg.name
		ctx, cancel := context.WithCancel(context.Background())
		rows, err := conn.Query(ctx, "SELECT number /* "+mark+" */ FROM numbers(1000000000000)")
		if err != nil {
			t.Fatal(err)
		}
		if !rows.Next() {
			t.Fatal("there are no rows")
		}
		cancel()
		if err := rows.Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("close: %v", err)
		}
		eventually(t, "the query has stopped", func() bool { return running(t, other, mark) == 0 })
	})
}
