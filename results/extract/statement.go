package extract

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"parley/results/record"
	"parley/schemas"
)

// statement asks for the rows of an extract, in the order in which they lie: ClickHouse merges parts while it reads, and
// sorts nothing. The view results, which shows no row twice, does so by FINAL; together with an order that takes three times
// as long as to leave out of an ordered stream what is there twice (block.once).
func statement(q schemas.ExtractQuery, columns []string, until schemas.Cursor) string {
	var s strings.Builder
	fmt.Fprintf(&s, "SELECT %s FROM results_log WHERE account = %s AND (%s)", strings.Join(columns, ", "), record.Literal(q.Account), between(q.After, until))
	if !q.From.IsZero() {
		fmt.Fprintf(&s, " AND completed_at >= %s", moment(q.From))
	}
	if !q.To.IsZero() {
		fmt.Fprintf(&s, " AND completed_at < %s", moment(q.To))
	}
	if q.ConversationID != "" {
		fmt.Fprintf(&s, " AND conversation_id = %s", record.Literal(q.ConversationID))
	}
	if len(q.Statuses) > 0 {
		quoted := make([]string, len(q.Statuses))
		for i, status := range q.Statuses {
			quoted[i] = record.Literal(string(status))
		}
		fmt.Fprintf(&s, " AND status IN (%s)", strings.Join(quoted, ", "))
	}
	s.WriteString(" ORDER BY account, partition, sequence, ordinal")
	return s.String()
}

// between is the condition that rows were not given at after and are at until.
func between(after, until schemas.Cursor) string {
	var ranges []string
	for p := range until.Sequences {
		first, last := after.Sequence(int32(p)), until.Sequences[p]
		if first < last {
			ranges = append(ranges, fmt.Sprintf("partition = %d AND sequence > %d AND sequence <= %d", p, first, last))
		}
	}
	if len(ranges) > rangesMax {
		ranges = []string{betweenVectors(after, until)}
	}
	if part := until.Part; part != nil {
		ranges = append(ranges, fmt.Sprintf("partition = %d AND sequence = %d AND ordinal <= %d", part.Partition, part.Sequence, part.Ordinal))
	}
	if len(ranges) == 0 {
		return "0"
	}
	condition := strings.Join(ranges, " OR ")
	if part := after.Part; part != nil {
		condition = fmt.Sprintf("(%s) AND NOT (partition = %d AND sequence = %d AND ordinal <= %d)", condition, part.Partition, part.Sequence, part.Ordinal)
	}
	return condition
}

// rangesMax bounds the ranges that are each a condition of their own. ClickHouse skips by them what lies between the ranges, and
// compares every granule with all of them.
const rangesMax = 500

// betweenVectors is the condition that sequences lie between those of two cursors, with the sequences as arrays and one range
// around all of them, by which granules are skipped.
func betweenVectors(after, until schemas.Cursor) string {
	least, most := int64(math.MaxInt64), int64(0)
	firsts, lasts := make([]string, len(until.Sequences)), make([]string, len(until.Sequences))
	for p := range until.Sequences {
		first, last := after.Sequence(int32(p)), until.Sequences[p]
		firsts[p], lasts[p] = strconv.FormatInt(first, 10), strconv.FormatInt(last, 10)
		if first < last {
			least, most = min(least, first), max(most, last)
		}
	}
	return fmt.Sprintf("sequence > %d AND sequence <= %d AND sequence > [%s][partition + 1] AND sequence <= [%s][partition + 1]",
		least, most, strings.Join(firsts, ","), strings.Join(lasts, ","))
}

func moment(at time.Time) string {
	return fmt.Sprintf("fromUnixTimestamp64Milli(%d)", record.Milli(at))
}
