package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Retention says how long rows are kept after what they tell has ended. A month is dropped, as it is, when all of it is
// older: so rows stay up to a month longer, and nothing is written anew for it. Zero: for ever.
type Retention struct {
	// Results bounds results, calls, conversations and deliveries.
	Results time.Duration
	// Rollups bounds the figures by minute and hour, which are made of results that may be gone.
	Rollups time.Duration
}

// retentionMin keeps a slip of the pen from emptying the tables.
const retentionMin = 24 * time.Hour

// Validate reports every problem at once.
func (r Retention) Validate() error {
	var errs []error
	for _, d := range []struct {
		name string
		time.Duration
	}{{"Results", r.Results}, {"Rollups", r.Rollups}} {
		if d.Duration != 0 && d.Duration < retentionMin {
			errs = append(errs, fmt.Errorf("%s: %s is neither 0 nor at least %s", d.name, d.Duration, retentionMin))
		}
	}
	return errors.Join(errs...)
}

// bounded is a table whose rows are kept for a time only.
type bounded struct {
	table string
	// at is the SQL for when a row was made, as a DateTime.
	at string
	// retention is the part of a Retention that bounds it.
	retention func(*Retention) *time.Duration
}

func ofResults(r *Retention) *time.Duration { return &r.Results }
func ofRollups(r *Retention) *time.Duration { return &r.Rollups }

// boundedTables are all of them; those that are not there yet are left out.
func boundedTables() []bounded {
	return []bounded{
		{"results_log", "toDateTime(completed_at)", ofResults},
		{"calls_log", "toDateTime(completed_at)", ofResults},
		{"conversations_log", "toDateTime(completed_at)", ofResults},
		{"conversations_by_acceptance", "toDateTime(completed_at)", ofResults},
		{"deliveries_log", "toDateTime(completed_at)", ofResults},
		{"results_by_minute_log", "minute", ofRollups},
	}
}

// ttl is the table's TTL in ClickHouse's own words; "" for a retention of zero.
func (b bounded) ttl(r Retention) string {
	d := *b.retention(&r)
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%s + toIntervalSecond(%d)", b.at, int64(d/time.Second))
}

// parse returns the retention that a TTL stands for. ok: it is one of ours.
func (b bounded) parse(ttl string) (d time.Duration, ok bool) {
	if ttl == "" {
		return 0, true
	}
	seconds, found := strings.CutPrefix(ttl, b.at+" + toIntervalSecond(")
	n, err := strconv.ParseInt(strings.TrimSuffix(seconds, ")"), 10, 32)
	return time.Duration(n) * time.Second, found && err == nil
}

// retain changes the TTL of the tables that have another than r wants. One that somebody else has given to a table stays
// where r wants none.
func (s Schema) retain(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	ttls := map[string]string{}
	err := each(ctx, db, func(rows *sql.Rows) error {
		var name, engine string
		err := rows.Scan(&name, &engine)
		ttls[name] = ttlOf(engine)
		return err
	}, enginesOf)
	if err != nil {
		return fmt.Errorf("look up the retention: %w", err)
	}
	for _, b := range boundedTables() {
		table, want := s.local(b.table), b.ttl(s.Retention)
		has, found := ttls[table]
		if !found || has == want {
			continue
		}
		if _, ours := b.parse(has); want == "" && !ours {
			log.Info("ClickHouse table keeps the TTL that it was given", "table", table, "ttl", has)
			continue
		}
		for _, change := range s.retention(table, want) {
			if _, err := db.ExecContext(ctx, change); err != nil {
				return fmt.Errorf("change the retention of %s: %w", table, err)
			}
		}
		log.Info("ClickHouse retention changed", "table", table, "ttl", want, "before", has)
	}
	return nil
}

// retention returns the statements that give a table its TTL. Parts are dropped whole, and told their age without being
// written anew.
func (s Schema) retention(table, ttl string) []string {
	alter := "ALTER TABLE " + table + s.onCluster() + " "
	if ttl == "" {
		return []string{alter + "REMOVE TTL"}
	}
	return []string{
		alter + "MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1",
		alter + "MODIFY TTL " + ttl,
	}
}

const enginesOf = `SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'`

// ttlForm finds the TTL in what system.tables says of an engine.
var ttlForm = regexp.MustCompile(` TTL (.*?)( SETTINGS .*)?$`)

func ttlOf(engine string) string {
	if found := ttlForm.FindStringSubmatch(engine); found != nil {
		return found[1]
	}
	return ""
}

// ErrForeignTTL is returned by RetentionInForce when a table has a TTL that Parley has not given it.
var ErrForeignTTL = errors.New("a TTL that Parley has not given it; take it away, and set PARLEY_RESULTS_RETENTION")

// RetentionInForce reads from the tables how long they keep rows, whatever the settings say: of tables that are bounded
// together, the shortest. What was completed longer ago may be gone.
func RetentionInForce(ctx context.Context, conn driver.Conn) (Retention, error) {
	var tables []struct {
		Name   string `ch:"name"`
		Engine string `ch:"engine_full"`
	}
	if err := conn.Select(ctx, &tables, enginesOf); err != nil {
		return Retention{}, fmt.Errorf("look up the retention: %w", err)
	}
	var r Retention
	for _, t := range tables {
		for _, b := range boundedTables() {
			if b.table != strings.TrimSuffix(t.Name, localSuffix) {
				continue
			}
			d, ours := b.parse(ttlOf(t.Engine))
			if !ours {
				return Retention{}, fmt.Errorf("look up the retention of %s: %w: %s", t.Name, ErrForeignTTL, ttlOf(t.Engine))
			}
			if all := b.retention(&r); d > 0 && (*all == 0 || d < *all) {
				*all = d
			}
		}
	}
	return r, nil
}
