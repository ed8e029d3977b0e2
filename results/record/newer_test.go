package record_test

import (
	"log/slog"
	"testing"

	"parley/results/record"
	"parley/results/recordtest"
)

// A version that comes back after a newer one has changed the tables leaves them as they are, and uses them.
func TestMigrateNewerTables(t *testing.T) {
	t.Parallel()
	dsn := recordtest.Migrated(t)
	conn := recordtest.Open(t, dsn)
	for _, statement := range []string{
		"ALTER TABLE calls_log ADD COLUMN of_the_future UInt8 DEFAULT 7",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)",
	} {
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := record.Migrate(t.Context(), dsn, nil, record.Schema{}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	var columns uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM system.columns WHERE database = currentDatabase() AND name = 'of_the_future'").Scan(&columns); err != nil || columns == 0 {
		t.Errorf("%d tables have the newer column, %v", columns, err)
	}
}
