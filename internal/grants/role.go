package grants

import (
	"fmt"
	"slices"
	"strings"
)

// Role is who has to do with Kafka. A node that has several roles needs the grants of all of them.
type Role string

// Roles.
const (
	// Ingest, Processor and Results are those of nodes.
	Ingest    Role = "ingest"
	Processor Role = "processor"
	Results   Role = "results"
	// Operator uses the verbs of the command line that talk to Kafka, but for those of Setup.
	Operator Role = "operator"
	// Setup makes topics: parley topics apply, parley inbox create, and a node that is the first to start.
	Setup Role = "setup"
	// Producer is trusted with parley.calls.
	Producer Role = "producer"
	// Tenant writes the calls of its account to a topic of its own.
	Tenant Role = "tenant"
	// Backend carries out what comes by the topics of kafka routes.
	Backend Role = "backend"
)

// Roles are all there are.
func Roles() []Role {
	return []Role{Ingest, Processor, Results, Operator, Setup, Producer, Tenant, Backend}
}

// ParseRole reads the name of a role.
func ParseRole(name string) (Role, error) {
	if i := slices.Index(Roles(), Role(name)); i >= 0 {
		return Roles()[i], nil
	}
	names := make([]string, len(Roles()))
	for i, r := range Roles() {
		names[i] = string(r)
	}
	return "", fmt.Errorf("%q is no role; the roles are %s", name, strings.Join(names, ", "))
}
