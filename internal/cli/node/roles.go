package node

import (
	"fmt"
	"strings"
)

// Roles are what a node does. The zero value is nothing.
type Roles struct {
	// Ingest takes calls over HTTP and answers polls.
	Ingest bool
	// Processor keeps the calls of conversations in order and carries them out.
	Processor bool
	// Results brings what has happened into ClickHouse.
	Results bool
}

// ParseRoles reads the names of roles.
func ParseRoles(names []string) (Roles, error) {
	var r Roles
	for _, name := range names {
		switch strings.TrimSpace(name) {
		case "ingest":
			r.Ingest = true
		case "processor":
			r.Processor = true
		case "results":
			r.Results = true
		default:
			return Roles{}, fmt.Errorf("PARLEY_ROLES has %q, which is no role; the roles are ingest, processor, results", name)
		}
	}
	return r, nil
}

// String is the form that ParseRoles reads, separated by commas.
func (r Roles) String() string {
	var names []string
	for _, role := range []struct {
		is   bool
		name string
	}{{r.Ingest, "ingest"}, {r.Processor, "processor"}, {r.Results, "results"}} {
		if role.is {
			names = append(names, role.name)
		}
	}
	return strings.Join(names, ",")
}
