package erasure

import (
	"context"
	"fmt"
	"regexp"

	"parley/results/record"
)

// distributed finds, in what system.tables says of a Distributed table, the cluster and the table on its servers.
var distributed = regexp.MustCompile(`^Distributed\('?([^',]+)'?, '?[^',]+'?, '?([^',)]+)'?`)

// place is where the rows of a table are changed, as ALTER TABLE names it: those of a Distributed table are on all servers
// of its cluster.
func (e *Eraser) place(ctx context.Context, table string) (string, error) {
	var engine string
	err := e.conn.QueryRow(ctx, `SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = ?`, table).Scan(&engine)
	if err != nil {
		return "", fmt.Errorf("look up %s: %w", table, err)
	}
	return placeOf(table, engine), nil
}

func placeOf(table, engine string) string {
	found := distributed.FindStringSubmatch(engine)
	if found == nil {
		return table
	}
	return record.Identifier(found[2]) + ` ON CLUSTER ` + record.Identifier(found[1])
}
