package record

import (
	"errors"
	"fmt"
	"regexp"
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
		errs = append(errs, fmt.Errorf("Cluster: %q is not made of letters, digits, _ and -", s.Cluster))
	}
	if err := s.Retention.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("Retention: %w", err))
	}
	return errors.Join(errs...)
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
