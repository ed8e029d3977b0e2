package schemas

import "embed"

// Migrations holds the ClickHouse schema in its folder clickhouse: one file per step, in goose's format and
// numbered in its order. A step only goes forward, and every statement of it may run again, also by several
// starters at once: IF NOT EXISTS, OR REPLACE, ADD COLUMN IF NOT EXISTS. Names are unqualified, so the current
// database of the connection receives everything.
//
//go:embed clickhouse/*.sql
var Migrations embed.FS
