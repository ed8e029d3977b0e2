package record_test

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"parley/results/record"
	"parley/results/recordtest"
)

func TestMain(m *testing.M) { os.Exit(recordtest.Run(m)) }

// Several starters at once, of which each believes that it is the first, leave one whole schema.
func TestMigrateConcurrently(t *testing.T) {
	t.Parallel()
	dsn := recordtest.DSN(t)
	var starters errgroup.Group
	for range 4 {
		starters.Go(func() error {
			return record.Migrate(t.Context(), dsn, nil, record.Schema{}, slog.New(slog.DiscardHandler))
		})
	}
	if err := starters.Wait(); err != nil {
		t.Fatal(err)
	}
	var names []string
	conn := recordtest.Open(t, dsn)
	if err := conn.QueryRow(t.Context(), "SELECT arraySort(groupArray(name)) FROM system.tables WHERE database = currentDatabase()").Scan(&names); err != nil {
		t.Fatal(err)
	}
	want := []string{"accounts_by_day", "audit", "audit_marks", "calls", "calls_log", "conversations", "conversations_by_acceptance", "conversations_by_day",
		"conversations_log", "conversations_to_acceptance", "deliveries", "deliveries_log", "erasures", "errors_by_day", "failures", "goose_db_version",
		"results", "results_by_hour", "results_by_latency", "results_by_minute", "results_by_minute_log", "results_log", "results_to_minute",
		"routes_by_hour", "stored"}
	if !slices.Equal(names, want) {
		t.Errorf("tables = %q, want %q", names, want)
	}
}

// The columns of results are promised to analysts and extracts.
func TestResultsColumns(t *testing.T) {
	t.Parallel()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	var got []string
	err := conn.QueryRow(t.Context(), `SELECT groupArray(name || ' ' || type) FROM (
		SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'results' ORDER BY position)`).Scan(&got)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"account LowCardinality(String)", "conversation_id String", "request_id UUID", "sequence_code Int32", "ordinal Int32",
		"correlation_id String", "method LowCardinality(String)", "object_type LowCardinality(String)", "customer_key String",
		"status LowCardinality(String)", "error_code LowCardinality(String)", "message String",
		"accepted_at DateTime64(3, 'UTC')", "started_at Nullable(DateTime64(3, 'UTC'))", "completed_at DateTime64(3, 'UTC')",
		"partition Int32", "sequence Int64",
	}
	if !slices.Equal(got, want) {
		t.Errorf("columns =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestMigrateAgain(t *testing.T) {
	t.Parallel()
	dsn := recordtest.Migrated(t)
	if err := record.Migrate(t.Context(), dsn, nil, record.Schema{}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

func TestMigrateServerAway(t *testing.T) {
	t.Parallel()
	if err := record.Migrate(t.Context(), "clickhouse://127.0.0.1:1/x", nil, record.Schema{}, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("no error without a server")
	}
}

func TestParseDSN(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dsn, database string }{
		{"clickhouse://127.0.0.1:9000", "parley"},
		{"clickhouse://127.0.0.1:9000/other?dial_timeout=1s", "other"},
	} {
		opts, err := record.ParseDSN(c.dsn, nil)
		if err != nil || opts.Auth.Database != c.database || opts.DialTimeout == 0 || opts.Compression == nil {
			t.Errorf("ParseDSN(%q) = %+v, %v; want database %s", c.dsn, opts, err, c.database)
		}
	}
	for _, dsn := range []string{"", "127.0.0.1:9000", "clickhouse://"} {
		if _, err := record.ParseDSN(dsn, nil); err == nil {
			t.Errorf("ParseDSN(%q): no error", dsn)
		}
	}
}
