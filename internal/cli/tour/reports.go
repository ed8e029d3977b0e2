package tour

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// storeWait bounds the wait until ClickHouse has what has ended.
const storeWait = time.Minute

// store waits until ClickHouse has every call.
func (t *tour) store(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, storeWait, fmt.Errorf("ClickHouse has not all calls within %s", storeWait))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := t.count(ctx, "SELECT count() FROM calls")
		if err == nil && n >= t.outcome.Ended() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %d of %d: %w", context.Cause(ctx), n, t.outcome.Ended(), err)
		}
	}
}

// count returns the number that a statement gives.
func (t *tour) count(ctx context.Context, statement string) (int, error) {
	a, err := t.answers.Rows(ctx, statement, 1)
	if err != nil {
		return 0, err
	}
	if len(a.Rows) != 1 || len(a.Rows[0]) != 1 {
		return 0, fmt.Errorf("%s gives no number", statement)
	}
	n, err := strconv.Atoi(a.Rows[0][0])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", statement, err)
	}
	return n, nil
}

// reports are what a visitor is shown of SQL.
var reports = []struct{ title, statement string }{
	{"What became of the objects, by type", `SELECT object_type, count() AS objects,
       countIf(status = 'OK') AS ok, countIf(status = 'Error') AS failed,
       countIf(status NOT IN ('OK', 'Error')) AS not_executed,
       round(quantile(0.5)(dateDiff('millisecond', accepted_at, completed_at))) AS median_ms
FROM results GROUP BY object_type ORDER BY objects DESC`},
	{"Why calls did not end well", `SELECT status, if(error_code = '', 'some objects failed', error_code) AS why,
       count() AS calls, uniq(conversation_id) AS conversations, any(message) AS example
FROM calls WHERE status != 'OK' GROUP BY status, why ORDER BY calls DESC`},
}

func (t *tour) show(ctx context.Context) error {
	t.say("\nWhat became of the calls")
	for _, line := range summary(t.outcome) {
		t.say("  %-16s%6d", line.word, line.count)
	}
	for _, r := range reports {
		t.say("\n%s\n\n%s\n", r.title, r.statement)
		a, err := t.answers.Rows(ctx, r.statement, 100)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		t.say("%s", t.cfg.Table(a))
	}
	return nil
}
