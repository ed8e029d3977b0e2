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
	fmt.Fprintf(&b, "CREATE DATABASE IF NOT EXISTS %s%s;\n", identifier(database), s.onCluster())
	for _, step := range all {
		texts, err := s.texts(step, database, all)
		if err != nil {
			return "", err
		}
		for i, text := range texts {
			if i == 0 {
				fmt.Fprintf(&b, "\n-- %s\n", step.name)
			}
			fmt.Fprintf(&b, "\n%s;\n", text)
		}
	}
	return b.String(), nil
}

// texts are the statements of a step of all steps, in the form of the schema.
func (s Schema) texts(step step, database string, all []step) ([]string, error) {
	var texts []string
	for _, statement := range step.statements {
		if s.Cluster == "" {
			texts = append(texts, statement.String())
			continue
		}
		forCluster, err := newCluster(s, database, all).statements(statement)
		if err != nil {
			return nil, fmt.Errorf("form %s for a cluster: %w", step.name, err)
		}
		texts = append(texts, forCluster...)
	}
	return texts, nil
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
	return " ON CLUSTER " + identifier(s.Cluster)
}
