package audit

import (
	"context"
	"fmt"

	"parley/schemas"
)

// inspectionsMax bounds the spans that a pass looks at row by row; of others only the sums are told.
const inspectionsMax = 16

// inspection is what was found in a suspect, row by row.
type inspection struct {
	of    suspect
	found finding
}

// inspect says what is wrong with a span. One that is as it was when it was last inspected is not read again.
func (a *Auditor) inspect(ctx context.Context, s suspect, done map[spanKey]inspection) (finding, error) {
	if before, ok := a.inspected[s.key]; ok && before.of == s {
		done[s.key] = before
		return before.found, nil
	}
	switch {
	case s.got.events.rows == 0 && s.got.results.rows == 0:
		f := make(finding)
		f.of(schemas.EventsMissing).at(s.from, s.to, s.to-s.from+1)
		return f, nil
	case len(done) >= inspectionsMax:
		return s.guess(), nil
	}
	f := make(finding)
	if err := a.inspectEvents(ctx, s, f); err != nil {
		return nil, err
	}
	if err := a.inspectResults(ctx, s, f); err != nil {
		return nil, err
	}
	done[s.key] = inspection{s, f}
	return f, nil
}

// guess is what the sums of a span tell without a look at its rows.
func (s suspect) guess() finding {
	f := make(finding)
	note := func(missing, repeated schemas.AuditProblemKind, want, got sums) {
		switch d := int64(want.rows) - int64(got.rows); {
		case want == got:
		case d >= 0:
			f.of(missing).at(s.from, s.to, max(1, d))
		default:
			f.of(repeated).at(s.from, s.to, -d)
		}
	}
	if s.from == max(1, s.key.index*spanLen) { // else the first may be gone
		note(schemas.EventsMissing, schemas.EventsRepeated, s.want, s.got.events)
	}
	note(schemas.ResultsMissing, schemas.ResultsRepeated, s.got.wanted, s.got.results)
	return f
}

const eventsOfSpan = `SELECT sequence, count() AS n FROM (
		SELECT sequence FROM calls_log WHERE partition = $1 AND sequence BETWEEN $2 AND $3
		UNION ALL SELECT sequence FROM conversations_log WHERE partition = $1 AND sequence BETWEEN $2 AND $3
		UNION ALL SELECT sequence FROM deliveries_log WHERE partition = $1 AND sequence BETWEEN $2 AND $3)
	GROUP BY sequence ORDER BY sequence`

func (a *Auditor) inspectEvents(ctx context.Context, s suspect, f finding) error {
	var rows []struct {
		Sequence int64  `ch:"sequence"`
		N        uint64 `ch:"n"`
	}
	if err := a.conn.Select(ctx, &rows, eventsOfSpan, s.key.partition, s.from, s.to); err != nil {
		return fmt.Errorf("read events of partition %d from %d to %d: %w", s.key.partition, s.from, s.to, err)
	}
	next := s.from
	for _, r := range rows {
		f.of(schemas.EventsMissing).at(next, r.Sequence-1, r.Sequence-next)
		f.of(schemas.EventsRepeated).at(r.Sequence, r.Sequence, int64(r.N)-1)
		next = r.Sequence + 1
	}
	f.of(schemas.EventsMissing).at(next, s.to, s.to-next+1)
	return nil
}

// resultsOfSpan are the events that have not as many results as they must: wanted are the objects of a call, got the rows,
// different how many objects have one. Results of an event that is missing are no further problem.
const resultsOfSpan = `SELECT c.sequence AS sequence, toInt64(any(c.objects)) AS wanted, toInt64(sum(r.there)) AS got,
		toInt64(uniqExactIf(r.ordinal, r.there = 1 AND r.ordinal >= 0 AND r.ordinal < c.objects)) AS different
	FROM (
		SELECT sequence, max(total) AS objects FROM (
			SELECT sequence, total FROM calls_log WHERE partition = $1 AND sequence BETWEEN $2 AND $3
			UNION ALL SELECT sequence, 0 FROM conversations_log WHERE partition = $1 AND sequence BETWEEN $2 AND $3
			UNION ALL SELECT sequence, 0 FROM deliveries_log WHERE partition = $1 AND sequence BETWEEN $2 AND $3)
		GROUP BY sequence) AS c
	LEFT JOIN (
		SELECT sequence, ordinal, 1 AS there FROM results_log WHERE partition = $1 AND sequence BETWEEN $2 AND $3) AS r
	ON c.sequence = r.sequence GROUP BY sequence HAVING wanted != got OR wanted != different ORDER BY sequence`

func (a *Auditor) inspectResults(ctx context.Context, s suspect, f finding) error {
	var rows []struct {
		Sequence  int64 `ch:"sequence"`
		Wanted    int64 `ch:"wanted"`
		Got       int64 `ch:"got"`
		Different int64 `ch:"different"`
	}
	if err := a.conn.Select(ctx, &rows, resultsOfSpan, s.key.partition, s.from, s.to); err != nil {
		return fmt.Errorf("read results of partition %d from %d to %d: %w", s.key.partition, s.from, s.to, err)
	}
	for _, r := range rows {
		f.of(schemas.ResultsMissing).at(r.Sequence, r.Sequence, r.Wanted-r.Different)
		f.of(schemas.ResultsRepeated).at(r.Sequence, r.Sequence, r.Got-r.Different)
	}
	return nil
}
