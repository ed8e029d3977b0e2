package record_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"parley/results/record"
	"parley/results/recordtest"
)

// testdata/forms.txt has statements for one server, and those for a cluster that are made of them.
func TestClusterForms(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("testdata/forms.txt")
	if err != nil {
		t.Fatal(err)
	}
	for c := range strings.SplitSeq(string(file), "\n----\n") {
		in, want, _ := strings.Cut(c, "\n====\n")
		got, err := record.Form(record.Schema{Cluster: "main"}, "parley", in)
		if err != nil {
			t.Errorf("%v\n%s", err, in)
			continue
		}
		if got := strings.Join(got, ";\n") + ";"; got != strings.TrimSpace(want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	for statement, want := range map[string]string{
		"RENAME TABLE a TO b;":            "no form for clusters",
		"DROP TABLE a;":                   "no form for clusters",
		"SELECT 1":                        "no semicolon",
		"SELECT 'and so on;":              "no end of the quotation",
		"CREATE DICTIONARY d (x Int32);":  "no form for clusters",
		"CREATE MATERIALIZED TABLE a (b)": "no semicolon",
	} {
		if _, err := record.Form(record.Schema{Cluster: "main"}, "parley", statement); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", statement, err, want)
		}
	}
}

// The engine understands every statement, word by word as it is executed on a cluster.
func TestClusterStatementsParse(t *testing.T) {
	t.Parallel()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	for _, statement := range statementsOf(t, record.Schema{Cluster: "main"}) {
		if err := conn.Exec(t.Context(), "EXPLAIN AST "+statement); err != nil {
			t.Errorf("%v\n%s", err, statement)
		}
	}
}

// The engine makes every replicated table, with its settings, in Keeper.
func TestClusterReplicates(t *testing.T) {
	t.Parallel()
	server := recordtest.NewCluster(t)
	t.Cleanup(func() {
		if err := server.Kill(); err != nil { // the engine does not close well with such a Keeper
			t.Error(err)
		}
	})
	d := &database{dsn: server.DSN("default")}
	d.conn = recordtest.Open(t, d.dsn)
	n := 0
	for _, statement := range statementsOf(t, record.Schema{Cluster: recordtest.Cluster}) {
		if strings.Contains(statement, "ENGINE = Replicated") {
			d.exec(t, onServer.ReplaceAllString(statement, ""))
			n++
		}
	}
	if got := d.read(t, "SELECT zookeeper_path FROM system.replicas WHERE zookeeper_path LIKE '/clickhouse/tables/1/default/%_local' AND replica_name = 'first'"); n < 5 || len(got) != n {
		t.Errorf("%d statements made the replicas %q", n, got)
	}
}

// A cluster of one, whose tables are not replicated, shows what a single server shows; so it does after a repeated start,
// and with a retention.
func TestClusterForm(t *testing.T) {
	t.Parallel()
	server := recordtest.NewCluster(t)
	d := &database{dsn: server.DSN("parley")}
	schema := record.Schema{Cluster: recordtest.Cluster, Retention: record.Retention{Results: 3650 * day}}
	for range 2 {
		if err := record.MigrateForm(t.Context(), d.dsn, schema, alone); err != nil {
			t.Fatal(err)
		}
	}
	d.conn = recordtest.Open(t, d.dsn)
	single := filled(t, nil, 0)
	columns := single.columns(t)
	d.fill(t, columns, 0, 300)
	d.equal(t, filled(t, columns, 300))
	if got, err := record.RetentionInForce(t.Context(), d.conn); err != nil || got != schema.Retention {
		t.Errorf("retention in force = %+v, %v", got, err)
	}
	local, err := record.Versions()
	if err != nil {
		t.Fatal(err)
	}
	if got := d.read(t, "SELECT toString(max(version_id)) FROM goose_db_version"); len(got) != 1 || got[0] == "0" || len(local) == 0 {
		t.Errorf("version of the cluster = %q", got)
	}
}

// A token is met again where the first insert left it: on the shard.
func TestClusterTokens(t *testing.T) {
	t.Parallel()
	server := recordtest.NewCluster(t)
	d := &database{dsn: server.DSN("parley")}
	if err := record.MigrateForm(t.Context(), d.dsn, record.Schema{Cluster: recordtest.Cluster}, alone); err != nil {
		t.Fatal(err)
	}
	d.conn = recordtest.Open(t, d.dsn)
	for _, account := range []string{"first", "again"} {
		ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{
			"insert_deduplication_token": "t", "distributed_foreground_insert": 1, "insert_deduplicate": 1,
		}))
		batch, err := d.conn.PrepareBatch(ctx, "INSERT INTO conversations_log (account, completed_at, accepted_at)")
		if err != nil {
			t.Fatal(err)
		}
		if err := batch.Append(account, time.UnixMilli(1_790_000_000_000), time.UnixMilli(1_790_000_000_000)); err != nil {
			t.Fatal(err)
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"conversations_log_local", "conversations_by_acceptance_local"} {
		if got := d.read(t, "SELECT account FROM "+table); !slices.Equal(got, []string{"first"}) {
			t.Errorf("%s has %q, want the rows of the first insert", table, got)
		}
	}
}

var (
	onServer   = regexp.MustCompile(" ON CLUSTER `[a-z]+`")
	replicated = regexp.MustCompile(`Replicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?`)
)

// alone is what a server executes of a statement for the cluster that it is alone.
func alone(statement string) (string, error) {
	statement = onServer.ReplaceAllString(statement, "")
	statement = replicated.ReplaceAllString(statement, "$1(")
	return strings.NewReplacer("replicated_deduplication_window_seconds = 7200, replicated_", "non_replicated_").Replace(statement), nil
}

// statementsOf are those that a schema is made by.
func statementsOf(t *testing.T, s record.Schema) []string {
	t.Helper()
	text, err := s.SQL("parley")
	if err != nil {
		t.Fatal(err)
	}
	statements := strings.Split(strings.TrimSpace(text), ";\n")
	if len(statements) < 10 {
		t.Fatalf("%d statements:\n%s", len(statements), text)
	}
	return statements
}
