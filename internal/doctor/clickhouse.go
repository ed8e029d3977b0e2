package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ClickHouse is what is looked at in ClickHouse.
type ClickHouse struct {
	Conn driver.Conn
	// Database is the name of the database, Cluster that of the cluster over which its tables are spread; empty: none.
	Database, Cluster string
	// Versions are those of the migrations that this program knows, in their order.
	Versions []int64
}

// oldestClickHouse is the first major version that Parley is tried on.
const oldestClickHouse = 24

// table is a table of events.
type table struct{ name, engine, create string }

// Check asks all checks of ClickHouse.
func (h ClickHouse) Check(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var version string
	if err := h.Conn.QueryRow(ctx, "SELECT version()").Scan(&version); err != nil {
		return Report{h.away(err)}
	}
	r := Report{{Check: ClickHouseThere, Subject: "database " + h.Database, Verdict: OK, Found: "answers"}, judgeServer(version), h.clock(ctx)}
	tables, err := h.tables(ctx)
	if err != nil {
		return append(r, Finding{Check: ClickHouseTables, Subject: "tables", Verdict: Unknown, Found: err.Error(), Meaning: "nobody can tell whether they are as they must be"}).sort()
	}
	r = append(r, h.schema(ctx))
	r = append(r, judgeTables(tables, h.Cluster)...)
	return append(r, h.access(ctx, tables)).sort()
}

// away is about a server that does not answer.
func (h ClickHouse) away(err error) Finding {
	f := Finding{Check: ClickHouseThere, Subject: "database " + h.Database, Verdict: Failure, Found: err.Error(), Meaning: "results wait in Kafka, and polls of calls that ended long ago are not answered", Remedy: "check PARLEY_CLICKHOUSE_DSN, and that the server runs"}
	const unknownDatabase = 81
	if refused, ok := errors.AsType[*clickhouse.Exception](err); ok && refused.Code == unknownDatabase {
		f.Verdict, f.Found = Warning, "there is no such database"
		f.Meaning, f.Remedy = "a node with the role results makes it when it starts, if it may", "parley schema | clickhouse-client --multiquery"
	}
	return f
}

func judgeServer(version string) Finding {
	f := Finding{Check: ClickHouseOld, Subject: "server", Verdict: OK, Found: "ClickHouse " + version}
	major, _, _ := strings.Cut(version, ".")
	switch n, err := strconv.Atoi(major); {
	case err != nil:
		f.Verdict, f.Meaning = Unknown, "whether Parley is tried on it is not known"
	case n < oldestClickHouse:
		f.Verdict, f.Meaning, f.Remedy = Warning, "Parley was never tried on a version before 24", "upgrade ClickHouse"
	}
	return f
}

func (h ClickHouse) clock(ctx context.Context) Finding {
	var told time.Time
	began := time.Now()
	err := h.Conn.QueryRow(ctx, "SELECT now64(3)").Scan(&told)
	if err != nil {
		return judgeClock(ClickHouseClock, clock{subject: "ClickHouse", err: err})
	}
	return judgeClock(ClickHouseClock, read("ClickHouse", began, time.Now(), told))
}

func (h ClickHouse) tables(ctx context.Context) (all []table, err error) {
	rows, err := h.Conn.Query(ctx, "SELECT name, engine, create_table_query FROM system.tables WHERE database = ? AND (name LIKE '%\\_log' OR name LIKE '%\\_log\\_local') ORDER BY name", h.Database)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var t table
		if err := rows.Scan(&t.name, &t.engine, &t.create); err != nil {
			return nil, fmt.Errorf("list tables: %w", err)
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

// schema compares the migrations that were applied with those that there are.
func (h ClickHouse) schema(ctx context.Context) Finding {
	var applied []int64
	err := h.Conn.QueryRow(ctx, "SELECT groupUniqArray(version_id) FROM goose_db_version WHERE is_applied = 1").Scan(&applied)
	const unknownTable = 60
	if refused, ok := errors.AsType[*clickhouse.Exception](err); ok && refused.Code == unknownTable {
		err = nil
	}
	if err != nil {
		return Finding{Check: ClickHouseSchema, Subject: "migrations", Verdict: Unknown, Found: err.Error(), Meaning: "which were applied is not known"}
	}
	return judgeSchema(applied, h.Versions)
}

func judgeSchema(applied, known []int64) Finding {
	f := Finding{Check: ClickHouseSchema, Subject: "migrations", Verdict: OK, Found: fmt.Sprintf("all %d were applied", len(known))}
	var missing []int64
	for _, v := range known {
		if !slices.Contains(applied, v) {
			missing = append(missing, v)
		}
	}
	switch latest := slices.Max(append(known, 0)); {
	case len(missing) > 0:
		f.Verdict, f.Found = Warning, fmt.Sprintf("not applied: %v", missing)
		f.Meaning, f.Remedy = "a node with the role results applies them before it stores anything; until then nothing is stored", "start a node with the role results"
	case slices.Max(append(applied, 0)) > latest:
		f.Verdict, f.Found = Warning, fmt.Sprintf("the database has version %d, this program knows up to %d", slices.Max(applied), latest)
		f.Meaning, f.Remedy = "a newer Parley has written there", "upgrade this node"
	}
	return f
}

// judgeTables judges the tables of events.
func judgeTables(all []table, cluster string) Report {
	var r Report
	for _, t := range all {
		if t.engine == "Distributed" {
			continue
		}
		replicated := strings.HasPrefix(t.engine, "Replicated")
		switch {
		case !strings.Contains(t.engine, "MergeTree"):
			r = append(r, Finding{
				Check: ClickHouseTables, Subject: "table " + t.name, Verdict: Failure, Found: "engine " + t.engine,
				Meaning: "what is inserted twice stays there twice", Remedy: "make the table anew as parley schema prints it, and have it filled again with parley replay",
			})
		case cluster != "" && !replicated:
			r = append(r, Finding{
				Check: ClickHouseTables, Subject: "table " + t.name, Verdict: Failure, Found: "engine " + t.engine + " on a cluster",
				Meaning: "its rows are on one server alone", Remedy: "make the table anew as parley schema --cluster " + cluster + " prints it",
			})
		case !strings.Contains(t.create, "deduplication_window"):
			r = append(r, Finding{
				Check: ClickHouseTables, Subject: "table " + t.name, Verdict: Failure, Found: "no window of deduplication",
				Meaning: "a block that is repeated after a crash is there twice, until it is merged away",
				Remedy:  "ALTER TABLE " + t.name + " MODIFY SETTING non_replicated_deduplication_window = 200000",
			})
		}
	}
	if len(r) == 0 {
		return Report{{Check: ClickHouseTables, Subject: "tables", Verdict: OK, Found: fmt.Sprintf("%d tables of events, as they must be", len(all))}}
	}
	return r
}

// access tries what the sink does, with no row.
func (h ClickHouse) access(ctx context.Context, tables []table) Finding {
	f := Finding{Check: ClickHouseAccess, Subject: "user of the DSN", Verdict: OK, Found: "may read and insert"}
	var readonly uint64
	if err := h.Conn.QueryRow(ctx, "SELECT toUInt64(getSetting('readonly'))").Scan(&readonly); err == nil && readonly > 0 {
		f.Verdict, f.Found = Failure, fmt.Sprintf("readonly=%d", readonly)
		f.Meaning, f.Remedy = "nothing can be stored: results wait in Kafka", "give Parley a user whose profile is not readonly"
		return f
	}
	for _, t := range tables {
		name := "`" + t.name + "`"
		if err := h.Conn.Exec(ctx, "INSERT INTO "+name+" SELECT * FROM "+name+" WHERE 0"); err != nil {
			f.Verdict, f.Found = Failure, fmt.Sprintf("%s: %v", t.name, err)
			f.Meaning = "nothing can be stored: results wait in Kafka"
			f.Remedy = fmt.Sprintf("GRANT SELECT, INSERT, CREATE, ALTER, DROP ON %s.* TO USER", h.Database)
			return f
		}
	}
	return f
}
