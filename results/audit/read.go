package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"parley/schemas"
)

// rowsAtOnce is what Auditor.rowsAtOnce is but in tests.
const rowsAtOnce = 20_000_000

// finals are the final statuses of calls, in the order of statusCounts.
var finals = [...]schemas.CallStatus{
	schemas.OK, schemas.HasErrors, schemas.Error, schemas.NotProcessed, schemas.Rejected, schemas.Cancelled, schemas.Expired,
}

// table is a table whose rows are audited, and what is made of them.
type table struct {
	name string
	// identity is the number, unique within a partition, whose hash is summed up; wanted and wantedHash are what the rows want
	// of results_log, statuses the counts of statusCounts.
	identity, wanted, wantedHash, statuses string
	// place is where the sums belong.
	place func(*spanSums) *sums
}

const (
	eventIdentity  = `toUInt64(sequence)`
	resultIdentity = `bitOr(bitShiftLeft(toUInt64(sequence), 16), toUInt64(ordinal))`
)

func tables() []table {
	events := func(s *spanSums) *sums { return &s.events }
	counts := make([]string, len(finals))
	for i, s := range finals {
		counts[i] = fmt.Sprintf("countIf(status = '%s')", s)
	}
	return []table{
		{
			name: "calls_log", identity: eventIdentity, place: events,
			wanted:     `toUInt64(sum(total))`,
			wantedHash: `sumWithOverflow(arraySum(ordinal -> intHash64(` + resultIdentity + `), range(toUInt64(total))))`,
			statuses:   "[" + strings.Join(counts, ", ") + "]",
		},
		{name: "conversations_log", identity: eventIdentity, place: events},
		{name: "deliveries_log", identity: eventIdentity, place: events},
		{name: "results_log", identity: resultIdentity, place: func(s *spanSums) *sums { return &s.results }},
	}
}

func tableNames() []string {
	var names []string
	for _, t := range tables() {
		names = append(names, t.name)
	}
	return names
}

// statement reads parts of the table. Its parameters are stored, by partition, and the names of the parts.
func (t table) statement() string {
	or := func(s, zero string) string {
		if s == "" {
			return zero
		}
		return s
	}
	return fmt.Sprintf(`SELECT '%s' AS log, _part AS part, partition, intDiv(sequence, %d) AS span, sequence > ?[partition + 1] AS beyond,
		count() AS rows, sumWithOverflow(intHash64(%s)) AS hash, %s AS wanted, %s AS wanted_hash, %s AS statuses
		FROM %s WHERE has(?, _part) GROUP BY part, partition, span, beyond`,
		t.name, spanLen, t.identity, or(t.wanted, "toUInt64(0)"), or(t.wantedHash, "toUInt64(0)"), or(t.statuses, "emptyArrayUInt64()"), t.name)
}

// whole is the statement for a table without parts.
func (t table) whole() string {
	return strings.NewReplacer("_part AS part", "'' AS part", "has(?, _part)", "1").Replace(t.statement())
}

// spanRow is what the rows of a part in one span come to. Beyond: they stand behind what is said to be stored.
type spanRow struct {
	Log        string   `ch:"log"`
	Part       string   `ch:"part"`
	Partition  int32    `ch:"partition"`
	Span       int64    `ch:"span"`
	Beyond     uint8    `ch:"beyond"`
	Rows       uint64   `ch:"rows"`
	Hash       uint64   `ch:"hash"`
	Wanted     uint64   `ch:"wanted"`
	WantedHash uint64   `ch:"wanted_hash"`
	Statuses   []uint64 `ch:"statuses"`
}

// read learns the contents of parts, and returns those that gave no row: most likely they were merged since they were listed.
func (a *Auditor) read(ctx context.Context, stored []int64, parts []part) (gone []part, err error) {
	var statements []string
	var args []any
	for _, t := range tables() {
		var names []string
		for _, p := range parts {
			if p.Table == t.name {
				names = append(names, p.Name)
				delete(a.contents, p.id()) // what was read of it before may not be all
			}
		}
		switch {
		case slices.Contains(names, ""):
			statements, args = append(statements, t.whole()), append(args, stored)
		case len(names) > 0:
			statements, args = append(statements, t.statement()), append(args, stored, names)
		}
	}
	if len(statements) == 0 {
		return nil, nil
	}
	var rows []spanRow
	if err := a.conn.Select(ctx, &rows, strings.Join(statements, " UNION ALL "), args...); err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	a.take(rows)
	for _, p := range parts {
		_, ok := a.contents[p.id()]
		switch {
		case ok:
		case p.Name == "": // a table may be empty, a part is not
			a.contents[p.id()] = new(contents)
		default:
			gone = append(gone, p)
		}
	}
	return gone, nil
}

// take takes down what rows tell of parts.
func (a *Auditor) take(rows []spanRow) {
	places := make(map[string]func(*spanSums) *sums)
	for _, t := range tables() {
		places[t.name] = t.place
	}
	for _, r := range rows {
		id := partName{r.Log, r.Part}
		c, ok := a.contents[id]
		if !ok {
			c = &contents{settled: r.Part != "", spans: make(map[spanKey]spanSums), statuses: make(map[int32]statusCounts)}
			a.contents[id] = c
		}
		if r.Beyond != 0 {
			c.settled = false
			continue
		}
		key := spanKey{r.Partition, r.Span}
		s := c.spans[key]
		*places[r.Log](&s) = sums{r.Rows, r.Hash}
		s.wanted = sums{r.Wanted, r.WantedHash}
		c.spans[key] = s
		c.statuses[r.Partition] = c.statuses[r.Partition].plus(r.Statuses)
	}
}
