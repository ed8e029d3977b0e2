package record

import (
	"context"
	"fmt"

	"github.com/pressly/goose/v3/database"
)

// versionsTable is goose's, with a row for each step that was applied.
const versionsTable = "goose_db_version"

// clusterVersions keeps the steps that were applied to a cluster in one table, of which every server has a replica.
type clusterVersions struct {
	database.Store
	schema Schema
}

// CreateVersionTable makes the table, which may be there already.
func (v clusterVersions) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	_, err := db.ExecContext(ctx, fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s%s
(
    version_id Int64,
    is_applied UInt8,
    date       Date DEFAULT now(),
    tstamp     DateTime DEFAULT now()
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/all/{database}/%s', '{shard}-{replica}')
ORDER BY version_id`, versionsTable, v.schema.onCluster(), versionsTable))
	if err != nil {
		return fmt.Errorf("create %s: %w", versionsTable, err)
	}
	return nil
}
