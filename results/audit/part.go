package audit

import (
	"context"
	"fmt"
	"slices"
)

// partName names a part of a table.
type partName struct {
	table, name string
}

// part is an active part, as ClickHouse lists it. One without a name is a table of which nobody lists the parts, because it
// is spread over a cluster: all of it is read by each pass.
type part struct {
	Table string `ch:"table"`
	Name  string `ch:"name"`
	Rows  uint64 `ch:"rows"`
}

func (p part) id() partName { return partName{p.Table, p.Name} }

// contents are what the rows of a part come to, up to where the record was said to be complete when it was read.
type contents struct {
	// settled: there were no other rows, so that the part need not be read again.
	settled  bool
	spans    map[spanKey]spanSums
	statuses map[int32]statusCounts
}

// parts lists the active parts of the tables, as of one moment of each table.
func (a *Auditor) parts(ctx context.Context) ([]part, error) {
	var found []part
	err := a.conn.Select(ctx, &found, `SELECT table, name, rows FROM system.parts
		WHERE database = currentDatabase() AND active AND rows > 0 AND has(?, table)
		UNION ALL SELECT t.name, '', toUInt64(0) FROM system.tables AS t
		WHERE t.database = currentDatabase() AND t.engine IN ('Distributed', 'Merge') AND has(?, t.name)`, tableNames(), tableNames())
	if err != nil {
		return nil, fmt.Errorf("list parts: %w", err)
	}
	return found, nil
}

// unread are the parts whose contents are not known, or not for good.
func (a *Auditor) unread(active []part) []part {
	return slices.DeleteFunc(slices.Clone(active), func(p part) bool {
		c, ok := a.contents[p.id()]
		return ok && c.settled
	})
}

// firstOf returns the first of parts, of so many rows as are read at once, and whether that is all of them.
func (a *Auditor) firstOf(parts []part) (first []part, all bool) {
	rows := uint64(0)
	for i, p := range parts {
		if rows += p.Rows; rows > a.rowsAtOnce && i > 0 {
			return parts[:i], false
		}
	}
	return parts, true
}

// forget lets go of the parts that are not active any more.
func (a *Auditor) forget(active []part) {
	there := make(map[partName]bool, len(active))
	for _, p := range active {
		there[p.id()] = true
	}
	for id := range a.contents {
		if !there[id] {
			delete(a.contents, id)
		}
	}
}
