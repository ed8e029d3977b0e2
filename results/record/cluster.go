package record

import (
	"fmt"
	"slices"
)

// cluster makes the statements for a cluster of those for one server.
//
//	CREATE TABLE t        t_local ON CLUSTER, Replicated; and t, Distributed over them
//	ALTER TABLE t         t_local ON CLUSTER; and t is made again, with the columns that t_local has now
//	CREATE VIEW           ON CLUSTER, of the distributed tables
//	CREATE MATERIALIZED…  ON CLUSTER, from the local table to the local table
//	INSERT … SELECT       on each shard, from its local table to its local table
//
// A table with the column partition is distributed by it: all rows of an event, and all events of a conversation, are on one
// shard, so that a token is met again where it was left, FINAL has all that it merges, and materialized views have all of a
// call. A table without it is filled by those alone, and has no key by which somebody else could insert there.
type cluster struct {
	Schema
	database string
	// tables are those that the files make, without views; whether they have the column partition.
	tables map[string]bool
}

const (
	// replica says which table of which servers is the same, in words that each server knows (macros).
	replica = `'/clickhouse/tables/{shard}/{database}/%s', '{replica}'`
	// tokensKept replaces the window of tables on one server: two hours of blocks, in Keeper.
	tokensKept = "replicated_deduplication_window_seconds = 7200, replicated_deduplication_window"
)

// newCluster returns what makes the statements of steps.
func newCluster(s Schema, database string, steps []step) cluster {
	c := cluster{Schema: s, database: database, tables: map[string]bool{}}
	for _, step := range steps {
		for _, s := range step.statements {
			if kind, name := s.head(); kind == createTable {
				c.tables[s[name].text] = s.hasColumn("partition")
			}
		}
	}
	return c
}

// settled returns the steps as a database takes them that is new: results_log is at once what results_log_in_sequence would
// become, and there is nothing to reorder. A cluster has no other beginning.
func settled(steps []step) []step {
	var last statement
	for _, step := range steps {
		for _, s := range step.statements {
			if kind, name := s.head(); kind == createTable && s[name].text == inSequence {
				last = slices.Clone(s)
				last[name].text = "results_log"
			}
		}
	}
	out := slices.Clone(steps)
	for i := range out {
		out[i].statements = nil
		for _, s := range steps[i].statements {
			kind, name := s.head()
			switch {
			case kind == createTable && s[name].text == "results_log":
				s = last
			case kind == createTable && s[name].text == inSequence:
				continue
			}
			out[i].statements = append(out[i].statements, s)
		}
	}
	return out
}

// statements are those for the cluster that do what s does on one server.
func (c cluster) statements(s statement) ([]string, error) {
	kind, at := s.head()
	if kind == "" {
		return nil, fmt.Errorf("no form for clusters of %.60q", s.String())
	}
	name := s[at].text
	s = slices.Clone(s)
	switch kind {
	case createTable:
		s[at].text = c.localOnCluster(name)
		c.replicate(s, name)
		return []string{s.String(), c.distributed("CREATE TABLE IF NOT EXISTS ", name)}, nil
	case alterTable:
		s[at].text = c.localOnCluster(name)
		return []string{s.String(), c.distributed("CREATE OR REPLACE TABLE ", name)}, nil
	case insertInto:
		return []string{s.with("parallel_distributed_insert_select = 2").String()}, nil
	case createMaterialized:
		s[at].text += c.onCluster()
		c.refer(s)
		return []string{s.String()}, nil
	default: // createView
		s[at].text += c.onCluster()
		return []string{s.with("distributed_product_mode = 'global'").String()}, nil
	}
}

func (c cluster) localOnCluster(table string) string { return table + localSuffix + c.onCluster() }

// distributed is the statement that makes the table through which all shards are read and written.
func (c cluster) distributed(create, table string) string {
	key := ""
	if c.tables[table] {
		key = ", partition"
	}
	return fmt.Sprintf("%s%s%s AS %s%s\nENGINE = Distributed('%s', '%s', '%s%s'%s)",
		create, table, c.onCluster(), table, localSuffix, c.Cluster, c.database, table, localSuffix, key)
}

// replicate makes the engine of a table a replicated one.
func (c cluster) replicate(s statement, table string) {
	paths := fmt.Sprintf(replica, table+localSuffix)
	engine := s.find(0, "ENGINE")
	for i := engine + 1; i < len(s); i++ {
		if s[i].kind != word {
			continue
		}
		s[i].text = "Replicated" + s[i].text
		if i+1 < len(s) && s[i+1].text == "(" {
			s[i+1].text += paths + ", "
		} else {
			s[i].text += "(" + paths + ")"
		}
		break
	}
	for i := range s {
		if s[i].is("non_replicated_deduplication_window") {
			s[i].text = tokensKept
		}
	}
}

// refer has a statement read and write local tables.
func (c cluster) refer(s statement) {
	var before token
	for i, t := range s {
		if _, ours := c.tables[t.text]; ours && (before.is("FROM") || before.is("JOIN") || before.is("TO")) {
			s[i].text += localSuffix
		}
		if t.kind != space {
			before = t
		}
	}
}
