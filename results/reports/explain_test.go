package reports_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A report of a period reads the rows of that period.
func TestReportsReadLittle(t *testing.T) {
	t.Parallel()
	conn := open(t)
	if err := conn.Exec(t.Context(), `INSERT INTO results_log (account, route, method, object_type, status, error_code, accepted_at, started_at,
			completed_at, partition, sequence)
		SELECT ['acme', 'globex'][1 + number % 2], 'crm', 'Create', 'Contact', if(number % 3 = 0, 'Error', 'OK'), '', at - 1, at, at + 1,
			number % 4, intDiv(number, 4) FROM (SELECT number, toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + number * 6 AS at FROM numbers(400000))
		SETTINGS max_partitions_per_insert_block = 0`); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"results_log", "results_by_minute_log"} {
		if err := conn.Exec(t.Context(), "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		query string
		// share is what part of the granules of the table may be read: those of one day in 28, and some at the edges.
		share float64
	}{
		{`SELECT * FROM results_by_minute WHERE minute >= '2026-11-10 08:00:00' AND minute < '2026-11-10 09:00:00'`, 0.15},
		{`SELECT * FROM results_by_minute WHERE account = 'acme' AND minute >= '2026-11-10 08:00:00' AND minute < '2026-11-10 09:00:00'`, 0.15},
		{`SELECT * FROM results_by_latency WHERE minute >= '2026-11-10 08:00:00' AND minute < '2026-11-10 09:00:00'`, 0.15},
		{`SELECT * FROM results_by_hour WHERE hour = '2026-11-10 08:00:00'`, 0.15},
		{`SELECT * FROM routes_by_hour WHERE hour >= '2026-11-10 00:00:00' AND hour < '2026-11-11 00:00:00'`, 0.15},
		{`SELECT * FROM accounts_by_day WHERE day = '2026-11-10'`, 0.15},
		{`SELECT * FROM failures WHERE account = 'acme' AND toDate(completed_at) = '2026-11-10'`, 0.3},
		{`SELECT * FROM errors_by_day WHERE account = 'acme' AND day = '2026-11-10'`, 0.3},
	} {
		plan := strings.Join(lines(t, conn, "EXPLAIN indexes = 1 "+c.query), "\n")
		read, all := granules(t, plan)
		if float64(read) > c.share*float64(all) || all < 10 {
			t.Errorf("%s reads %d of %d granules\n%s", c.query, read, all, plan)
		}
	}
}

// granules returns how many granules of its first table a plan reads, and how many there are.
func granules(t *testing.T, plan string) (read, all int) {
	t.Helper()
	_, first, _ := strings.Cut(plan, "ReadFromMergeTree")
	first, _, _ = strings.Cut(first, "ReadFromMergeTree")
	steps := regexp.MustCompile(`Granules: \d+/\d+`).FindAllString(first, -1)
	if len(steps) == 0 {
		t.Fatalf("no index is used in\n%s", plan)
	}
	var of int
	for _, at := range []struct {
		step string
		all  *int
	}{{steps[0], &all}, {steps[len(steps)-1], &of}} {
		if _, err := fmt.Sscanf(at.step, "Granules: %d/%d", &read, at.all); err != nil {
			t.Fatal(err)
		}
	}
	return read, all
}
