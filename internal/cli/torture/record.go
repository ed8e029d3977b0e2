package torture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"parley/schemas"
)

// row is a call as ClickHouse shows it.
type row struct {
	// call is which one it is; nil: none that was sent.
	call   *call
	digest string
	// again is whether it is of a conversation that resubmits another.
	again    bool
	id       string
	status   schemas.CallStatus
	code     schemas.Code
	total    int
	accepted time.Time
	// account and conversation say of which conversation it is; a call by itself has its own request id there.
	account, conversation string
	// event is the sequence of its end, as partition-sequence.
	event string
}

const selectCalls = `SELECT digest, toString(request_id), status, error_code, total, toUnixTimestamp64Milli(accepted_at), conversation_id,
    account, concat(toString(partition), '-', toString(sequence))
FROM calls ORDER BY partition, sequence`

// rowsMax is more than any run has.
const rowsMax = 100_000_000

// rows reads all calls that have ended.
func (r *run) rows(ctx context.Context) ([]row, error) {
	answer, err := r.group.answers.Rows(ctx, selectCalls, rowsMax)
	if err != nil {
		return nil, err
	}
	rows := make([]row, len(answer.Rows))
	for i, cells := range answer.Rows {
		total, bad := strconv.Atoi(cells[4])
		ms, worse := strconv.ParseInt(cells[5], 10, 64)
		if err := errors.Join(bad, worse); err != nil {
			return nil, fmt.Errorf("read row of calls: %w", err)
		}
		rows[i] = row{
			call: r.ledger.of[cells[0]], digest: cells[0], id: cells[1],
			status: schemas.CallStatus(cells[2]), code: schemas.Code(cells[3]), total: total, accepted: time.UnixMilli(ms),
			again: strings.HasSuffix(cells[6], againSuffix), account: cells[7], conversation: cmp.Or(cells[6], cells[1]), event: cells[8],
		}
	}
	return rows, nil
}

// number returns the one number that a statement gives.
func (r *run) number(ctx context.Context, statement string) (int, error) {
	answer, err := r.group.answers.Rows(ctx, statement, 1)
	if err != nil {
		return 0, err
	}
	if len(answer.Rows) != 1 || len(answer.Rows[0]) != 1 {
		return 0, fmt.Errorf("%s gives no number", statement)
	}
	n, err := strconv.Atoi(answer.Rows[0][0])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", statement, err)
	}
	return n, nil
}

const (
	ruleTwin             rule = "calls that ClickHouse shows twice"
	ruleTwinEvent        rule = "events that the view calls shows twice"
	ruleTwinResult       rule = "results that ClickHouse shows twice"
	ruleTwinRow          rule = "rows of results that the view lacks or repeats"
	ruleTwinConversation rule = "conversations that ClickHouse shows twice"
	ruleTwinDelivery     rule = "deliveries that ClickHouse shows twice"
	ruleConversation     rule = "conversations that ClickHouse lacks"
	ruleAll              rule = "calls whose results ClickHouse lacks, or has too many of"
)

// twins are what the record must not show: statements that give zero.
var twins = []struct {
	rule      rule
	statement string
}{
	{ruleTwin, "SELECT count() - uniqExact(request_id) FROM calls"},
	{ruleTwinEvent, "SELECT count() - uniqExact(partition, sequence) FROM calls"},
	{ruleTwinResult, "SELECT count() - uniqExact(request_id, ordinal) FROM results"},
	{ruleTwinRow, "SELECT (SELECT count() FROM results) - (SELECT uniqExact(partition, sequence, ordinal) FROM results_log)"},
	{ruleTwinConversation, "SELECT count() - uniqExact(account, conversation_id) FROM conversations"},
	{ruleTwinDelivery, "SELECT count() - uniqExact(partition, about, response_address) FROM deliveries"},
	{ruleConversation, `SELECT count() FROM (SELECT DISTINCT account, conversation_id FROM calls WHERE conversation_id != '')
WHERE (account, conversation_id) NOT IN (SELECT account, conversation_id FROM conversations)`},
	{ruleAll, `SELECT count() FROM (SELECT request_id, total FROM calls) AS c
LEFT JOIN (SELECT request_id, count() AS n FROM results GROUP BY request_id) AS r USING request_id WHERE total != n`},
}

// checkTwins looks for what is there twice, and for what is missing beside it.
func (r *run) checkTwins(ctx context.Context) error {
	for _, q := range twins {
		n, err := r.number(ctx, q.statement)
		if err != nil {
			return err
		}
		if n == 0 {
			r.checks.none(q.rule)
		} else {
			r.checks.broke(q.rule, "%d", n)
		}
	}
	return nil
}
