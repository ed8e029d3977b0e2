package reports_test

import (
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"parley/schemas"
)

// group is what a rollup counts by.
type group struct {
	Time       int64  `ch:"time"` // seconds since 1970
	Account    string `ch:"account"`
	Route      string `ch:"route"`
	Method     string `ch:"method"`
	ObjectType string `ch:"object_type"`
	Status     string `ch:"status"`
}

// figures is a row of a rollup.
type figures struct {
	group
	Results      uint64   `ch:"results"`
	LatencyP50   *float64 `ch:"latency_p50_ms"`
	LatencyP90   *float64 `ch:"latency_p90_ms"`
	LatencyP99   *float64 `ch:"latency_p99_ms"`
	ExecutionP50 *float64 `ch:"execution_p50_ms"`
	ExecutionP90 *float64 `ch:"execution_p90_ms"`
	ExecutionP99 *float64 `ch:"execution_p99_ms"`
}

// sample makes results of some minutes on both sides of the turn of a month, from calls of one object and of many, whose
// partitions and sequences reach to the ends of what there may be.
func sample(calls int) []resultRow {
	random := rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2026, 11, 30, 23, 58, 30, 0, time.UTC)
	partitions := []int32{0, 1, 47, 4096, schemas.PartitionsMax - 1}
	var rows []resultRow
	for i := range calls {
		completed := begin.Add(time.Duration(random.IntN(180_000)) * time.Millisecond)
		r := resultRow{
			Account: []string{"acme", "globex"}[random.IntN(2)], Method: []string{"Create", "Update"}[random.IntN(2)], CompletedAt: completed,
			AcceptedAt: completed.Add(-time.Duration(math.Exp(10*random.Float64())-1) * time.Millisecond),
			Partition:  partitions[i%len(partitions)], Sequence: int64(i) + int64(i%2)<<37, Route: []string{"crm", "mail", ""}[random.IntN(3)],
		}
		if r.Route != "" {
			started := completed.Add(-time.Duration(random.IntN(50)) * time.Millisecond)
			r.StartedAt = &started
		}
		objects := 1
		if i%100 == 7 {
			objects = 3000
		}
		for ordinal := range objects {
			r.Ordinal, r.ObjectType, r.Status = int32(ordinal), []string{"Contact", "Email"}[random.IntN(2)], []string{"OK", "OK", "Error"}[random.IntN(3)]
			rows = append(rows, r)
		}
	}
	return rows
}

// expected is what a rollup by some time must show of rows, by sorting them.
func expected(rows []resultRow, by time.Duration) map[group]figures {
	latencies, executions := map[group][]float64{}, map[group][]float64{}
	for _, r := range rows {
		g := group{r.CompletedAt.Truncate(by).Unix(), r.Account, r.Route, r.Method, r.ObjectType, r.Status}
		latencies[g] = append(latencies[g], float64(r.CompletedAt.Sub(r.AcceptedAt).Milliseconds()))
		if r.StartedAt != nil {
			executions[g] = append(executions[g], float64(r.CompletedAt.Sub(*r.StartedAt).Milliseconds()))
		}
	}
	out := map[group]figures{}
	for g, all := range latencies {
		out[g] = figures{
			group: g, Results: uint64(len(all)),
			LatencyP50: quantile(all, 0.5), LatencyP90: quantile(all, 0.9), LatencyP99: quantile(all, 0.99),
			ExecutionP50: quantile(executions[g], 0.5), ExecutionP90: quantile(executions[g], 0.9), ExecutionP99: quantile(executions[g], 0.99),
		}
	}
	return out
}

// quantile is the least value that at least the share q of all does not exceed; nil when there is none.
func quantile(all []float64, q float64) *float64 {
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	return &all[max(0, int(math.Ceil(q*float64(len(all))))-1)]
}

// near reports whether got is want to the accuracy that is promised: half a class of 2^(1/8), in hundredths of a millisecond.
func near(got, want *float64) bool {
	if got == nil || want == nil {
		return got == want
	}
	return math.Abs(*got-*want) <= 0.044274**want+0.005
}

// check compares a rollup, with its times in a column, with what it must show.
func check(t *testing.T, conn driver.Conn, view, column string, want map[group]figures) {
	t.Helper()
	got := selectRows[figures](t, conn, `SELECT toInt64(toUnixTimestamp(`+column+`)) AS time, account, route, method, object_type, status, results, latency_p50_ms,
		latency_p90_ms, latency_p99_ms, execution_p50_ms, execution_p90_ms, execution_p99_ms FROM `+view)
	if len(got) != len(want) {
		t.Errorf("%s has %d rows, want %d", view, len(got), len(want))
	}
	for _, g := range got {
		w, ok := want[g.group]
		if !ok || g.Results != w.Results {
			t.Errorf("%s: %+v has %d results, want %d", view, g.group, g.Results, w.Results)
			continue
		}
		for i, of := range []struct{ got, want *float64 }{
			{g.LatencyP50, w.LatencyP50}, {g.LatencyP90, w.LatencyP90}, {g.LatencyP99, w.LatencyP99},
			{g.ExecutionP50, w.ExecutionP50}, {g.ExecutionP90, w.ExecutionP90}, {g.ExecutionP99, w.ExecutionP99},
		} {
			if !near(of.got, of.want) {
				t.Errorf("%s: %+v: quantile %d is %s, want %s", view, g.group, i, text(of.got), text(of.want))
			}
		}
	}
}

func text(ms *float64) string {
	if ms == nil {
		return "null"
	}
	return fmt.Sprint(*ms)
}

// Whatever is inserted again, in other blocks, in another order and at the same time, the rollups count it once.
func TestRollupsCountOnce(t *testing.T) {
	t.Parallel()
	conn := open(t)
	rows := sample(600)
	byMinute, byHour := expected(rows, time.Minute), expected(rows, time.Hour)
	if err := insert(t.Context(), conn, insertResults, rows, len(rows)); err != nil {
		t.Fatal(err)
	}
	check(t, conn, "results_by_minute", "minute", byMinute)
	check(t, conn, "results_by_hour", "hour", byHour)

	var again errgroup.Group
	for seed, block := range []int{997, 3001, len(rows)} {
		shuffled := slices.Clone(rows)
		rand.New(rand.NewPCG(uint64(seed), 0)).Shuffle(len(rows), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		again.Go(func() error { return insert(t.Context(), conn, insertResults, shuffled, block) })
	}
	if err := again.Wait(); err != nil {
		t.Fatal(err)
	}
	check(t, conn, "results_by_minute", "minute", byMinute)
	check(t, conn, "results_by_hour", "hour", byHour)

	if err := conn.Exec(t.Context(), "OPTIMIZE TABLE results_by_minute_log FINAL"); err != nil {
		t.Fatal(err)
	}
	check(t, conn, "results_by_minute", "minute", byMinute)
}

// What the migration finds is in the rollups as if it had come later, also when the migration runs twice.
func TestRollupsOfEarlierRows(t *testing.T) {
	t.Parallel()
	conn := open(t)
	rows := sample(100)
	twice(t, conn, insertResults, rows...)
	if err := conn.Exec(t.Context(), "TRUNCATE TABLE results_by_minute_log SYNC"); err != nil {
		t.Fatal(err)
	}
	step, err := fs.ReadFile(schemas.Migrations, "clickhouse/00010_results_by_minute.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(step), "INSERT INTO results_by_minute_log\n")
	statement, _, ended := strings.Cut(rest, ";\n")
	if !found || !ended {
		t.Fatal("the migration does not fill the rollup")
	}
	for range 2 {
		if err := conn.Exec(t.Context(), "INSERT INTO results_by_minute_log\n"+statement); err != nil {
			t.Fatal(err)
		}
		check(t, conn, "results_by_minute", "minute", expected(rows, time.Minute))
	}
}

// Quantiles over any rows of results_by_latency are those of the results behind them.
func TestLatenciesMerge(t *testing.T) {
	t.Parallel()
	conn := open(t)
	rows := sample(200)
	twice(t, conn, insertResults, rows...)
	latencies, executions := map[string][]float64{}, map[string][]float64{}
	for _, r := range rows {
		latencies[r.ObjectType] = append(latencies[r.ObjectType], float64(r.CompletedAt.Sub(r.AcceptedAt).Milliseconds()))
		if r.StartedAt != nil {
			executions[r.ObjectType] = append(executions[r.ObjectType], float64(r.CompletedAt.Sub(*r.StartedAt).Milliseconds()))
		}
	}
	type merged struct {
		ObjectType string   `ch:"object_type"`
		Measure    string   `ch:"measure"`
		Results    uint64   `ch:"results"`
		P50        *float64 `ch:"p50"`
		P99        *float64 `ch:"p99"`
	}
	got := selectRows[merged](t, conn, `SELECT object_type, measure, sum(r.results) AS results, toNullable(quantileExactWeighted(0.5)(ms, r.results)) AS p50,
		toNullable(quantileExactWeighted(0.99)(ms, r.results)) AS p99 FROM results_by_latency AS r GROUP BY object_type, measure`)
	if len(got) != 4 {
		t.Errorf("%d rows, want 4: %+v", len(got), got)
	}
	for _, g := range got {
		want := map[string]map[string][]float64{"latency": latencies, "execution": executions}[g.Measure][g.ObjectType]
		if g.Results != uint64(len(want)) || !near(g.P50, quantile(want, 0.5)) || !near(g.P99, quantile(want, 0.99)) {
			t.Errorf("%s of %s: %d results, %s, %s; want %d, %s, %s", g.Measure, g.ObjectType, g.Results, text(g.P50), text(g.P99),
				len(want), text(quantile(want, 0.5)), text(quantile(want, 0.99)))
		}
	}
}
