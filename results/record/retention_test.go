package record_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/internal/testkit"
	"parley/results/record"
)

const day = 24 * time.Hour

// A retention is set, changed and taken back; starts that want what is there change nothing; several at once may want it.
func TestRetention(t *testing.T) {
	t.Parallel()
	d := filled(t, nil, 0)
	for _, want := range []record.Retention{{Results: 30 * day, Rollups: 90 * day}, {Results: 60 * day}, {Rollups: day}, {}} {
		var starters errgroup.Group
		for range 3 {
			starters.Go(func() error { return d.migrate(t, want) })
		}
		if err := starters.Wait(); err != nil {
			t.Fatal(err)
		}
		got, err := record.RetentionInForce(t.Context(), d.conn)
		if err != nil || got != want {
			t.Errorf("retention in force = %+v, %v; want %+v", got, err, want)
		}
		for table, ttl := range d.ttls(t) {
			bound, at := want.Results, "toDateTime(completed_at)"
			if table == "results_by_minute_log" {
				bound, at = want.Rollups, "minute"
			}
			wantTTL := ""
			if bound > 0 && !slices.Contains([]string{"stored", "erasures", "audit", "audit_marks"}, table) {
				wantTTL = fmt.Sprintf("%s + toIntervalSecond(%d)", at, bound/time.Second)
			}
			if ttl != wantTTL {
				t.Errorf("TTL of %s is %q, want %q", table, ttl, wantTTL)
			}
		}
		before := d.changes(t)
		if err := d.migrate(t, want); err != nil {
			t.Fatal(err)
		}
		if after := d.changes(t); !slices.Equal(before, after) {
			t.Errorf("a start that wants what is there changed tables:\n%q\n%q", before, after)
		}
	}
}

// What is older goes month by month, and what is not stays.
func TestRetentionDropsMonths(t *testing.T) {
	t.Parallel()
	d := filled(t, nil, 0)
	columns := d.columns(t)
	d.fill(t, columns, 0, 20)
	for table := range columns {
		columns := strings.Join(columns[table], ", ")
		changed := strings.NewReplacer("accepted_at", "accepted_at - INTERVAL 400 DAY", "begun_at", "begun_at - INTERVAL 400 DAY",
			"started_at", "started_at - INTERVAL 400 DAY", "completed_at", "completed_at - INTERVAL 400 DAY", "account", "'old'").Replace(columns)
		d.exec(t, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", table, columns, changed, table))
		d.exec(t, fmt.Sprintf("ALTER TABLE %s MODIFY SETTING merge_with_ttl_timeout = 0", table))
	}
	d.exec(t, "ALTER TABLE conversations_by_acceptance MODIFY SETTING merge_with_ttl_timeout = 0")
	// The month of the rows that stay must not have ended by then, whenever the test runs.
	keep := time.Since(time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)).Round(time.Second) + 60*day
	if err := d.migrate(t, record.Retention{Results: keep}); err != nil {
		t.Fatal(err)
	}
	gone := func() bool {
		return slices.Equal([]string{"0"}, d.read(t, `SELECT toString(sum(rows)) FROM system.parts WHERE database = currentDatabase() AND table NOT LIKE 'results_by_%' AND active AND rows > 0 AND partition < '202601'`))
	}
	for deadline := time.Now().Add(testkit.Patience); !gone(); {
		d.fill(t, columns, 19, 20) // an insert has the engine look for what is to be done
		if time.Now().After(deadline) {
			t.Fatalf("there yet: %q", d.read(t, `SELECT table || ' ' || name FROM system.parts WHERE database = currentDatabase() AND table NOT LIKE 'results_by_%' AND active AND rows > 0 AND partition < '202601'`))
		}
	}
	d.equalIn(t, filled(t, columns, 20), []string{"results", "calls", "conversations", "deliveries"})
	if got := d.read(t, "SELECT toString(sum(results)) FROM results_by_minute WHERE account = 'old'"); !slices.Equal(got, []string{"40"}) {
		t.Errorf("the figures have %q results of what is gone, want 40", got)
	}
}

// A TTL that somebody else has given to a table stays as long as no retention is asked for.
func TestRetentionForeign(t *testing.T) {
	t.Parallel()
	d := filled(t, nil, 0)
	d.exec(t, "ALTER TABLE results_log MODIFY TTL toDateTime(completed_at) + INTERVAL 120 MONTH")
	if err := d.migrate(t, record.Retention{}); err != nil {
		t.Fatal(err)
	}
	if got := d.ttls(t)["results_log"]; got != "toDateTime(completed_at) + toIntervalMonth(120)" {
		t.Errorf("TTL is %q; somebody else has given it", got)
	}
	if _, err := record.RetentionInForce(t.Context(), d.conn); !errors.Is(err, record.ErrForeignTTL) {
		t.Errorf("RetentionInForce: %v, want ErrForeignTTL", err)
	}
	if err := d.migrate(t, record.Retention{Results: 30 * day}); err != nil {
		t.Fatal(err)
	}
	if got, err := record.RetentionInForce(t.Context(), d.conn); err != nil || got.Results != 30*day {
		t.Errorf("retention in force = %+v, %v", got, err)
	}
}

func TestSchemaValidate(t *testing.T) {
	t.Parallel()
	for _, good := range []record.Schema{{}, {Cluster: "main-1"}, {Retention: record.Retention{Results: day, Rollups: 400 * day}}} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	bad := record.Schema{Cluster: "a b", Retention: record.Retention{Results: day - 1, Rollups: -day}}
	err := bad.Validate()
	if err == nil {
		t.Fatalf("%+v: no error", bad)
	}
	for _, want := range []string{`cluster: "a b"`, "Results: 23h59m59", "Rollups: -24h"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

// migrate is a start with a retention.
func (d *database) migrate(t *testing.T, r record.Retention) error {
	return record.Migrate(t.Context(), d.dsn, nil, record.Schema{Retention: r}, slog.New(slog.DiscardHandler))
}

// ttls are those of the tables.
func (d *database) ttls(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, line := range d.read(t, `SELECT name || '|' || extract(engine_full, ' TTL (.*?)(?: SETTINGS .*)?$') FROM system.tables
		WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name NOT IN ('goose_db_version')`) {
		name, ttl, _ := strings.Cut(line, "|")
		all[name] = ttl
	}
	return all
}

// changes tells when the definition of each table changed last, and what was mutated.
func (d *database) changes(t *testing.T) []string {
	t.Helper()
	return append(
		d.read(t, "SELECT name || toString(metadata_modification_time) || toString(metadata_version) FROM system.tables WHERE database = currentDatabase() ORDER BY name"),
		d.read(t, "SELECT table || mutation_id FROM system.mutations WHERE database = currentDatabase() ORDER BY table, mutation_id")...)
}
