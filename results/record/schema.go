package record

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Schema says what Migrate makes of a database, beside its tables and views. The zero value is for one server, and keeps
// everything.
type Schema struct {
	// Cluster is the name of a ClickHouse cluster (system.clusters) over which the tables are spread: replicated in a shard,
	// and distributed over the shards by the partition of their events. Empty: they are on the server.
	Cluster string
	// Retention is the same for all who share the database.
	Retention Retention
}

// clusterForm is what names a cluster without quotes.
var clusterForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,199}$`)

// Validate reports every problem at once.
func (s Schema) Validate() error {
	var errs []error
	if s.Cluster != "" && !clusterForm.MatchString(s.Cluster) {
		errs = append(errs, fmt.Errorf("cluster: %q is not made of letters, digits, _ and -", s.Cluster))
	}
	if err := s.Retention.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("retention: %w", err))
	}
	return errors.Join(errs...)
}

// SQL is what Migrate executes in a database that is new, as far as it is SQL: a statement ends with a semicolon and the
// line.
func (s Schema) SQL(database string) (string, error) {
	all, err := steps()
	if err = errors.Join(err, s.Validate()); err != nil {
		return "", err
	}
	all = settled(all)
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE DATABASE IF NOT EXISTS %s%s;\n", Identifier(database), s.onCluster())
	for _, step := range all {
		for i, statement := range step.statements {
			forms, err := s.forms(statement, database, all)
			if err != nil {
				return "", fmt.Errorf("form %s: %w", step.name, err)
			}
			if i == 0 {
				fmt.Fprintf(&b, "\n-- %s\n", step.name)
			}
			for _, form := range forms {
				fmt.Fprintf(&b, "\n%s;\n", form)
			}
		}
	}
	return b.String(), nil
}

// forms are what does in this schema what a statement does on one server. all are all steps.
func (s Schema) forms(statement statement, database string, all []step) ([]string, error) {
	if s.Cluster == "" {
		return []string{statement.String()}, nil
	}
	return newCluster(s, database, all).statements(statement)
}

// localSuffix ends the name of the table on a server whose name without it is distributed over the cluster.
const localSuffix = "_local"

// local is the name under which a server holds the rows of a table.
func (s Schema) local(table string) string {
	if s.Cluster == "" {
		return table
	}
	return table + localSuffix
}

// onCluster goes behind the name of what a statement makes or changes.
func (s Schema) onCluster() string {
	if s.Cluster == "" {
		return ""
	}
	return " ON CLUSTER " + Identifier(s.Cluster)
}
