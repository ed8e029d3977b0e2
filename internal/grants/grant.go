package grants

import "fmt"

// Kind is what a grant is for, by the word that kafka-acls.sh has for it.
type Kind string

// Kinds of resources.
const (
	Topic           Kind = "topic"
	Group           Kind = "group"
	TransactionalID Kind = "transactional-id"
	Cluster         Kind = "cluster"
)

// theCluster is what Kafka calls the one resource of the kind Cluster.
const theCluster = "kafka-cluster"

// Operation is what may be done, by Kafka's name.
type Operation string

// Operations. Kafka has Describe implied by Read, Write and Delete, DescribeConfigs by AlterConfigs, and the idempotent writing of
// topics by Write (since 3.0: KIP-679).
const (
	Read            Operation = "Read"
	Write           Operation = "Write"
	Create          Operation = "Create"
	Delete          Operation = "Delete"
	Alter           Operation = "Alter"
	Describe        Operation = "Describe"
	DescribeConfigs Operation = "DescribeConfigs"
	AlterConfigs    Operation = "AlterConfigs"
)

// Grant lets one thing be done with one resource, or with all whose names begin so.
type Grant struct {
	Kind Kind   `json:"resourceType"`
	Name string `json:"resourceName"`
	// Prefixed is whether Name begins the names that are meant.
	Prefixed  bool      `json:"prefixed"`
	Operation Operation `json:"operation"`
	// Why says what it is for.
	Why string `json:"why"`
}

// Pattern is Kafka's word for how Name is meant.
func (g Grant) Pattern() string {
	if g.Prefixed {
		return "prefixed"
	}
	return "literal"
}

// String is the grant without its reason.
func (g Grant) String() string {
	name := g.Name
	if g.Prefixed {
		name += "*"
	}
	return fmt.Sprintf("%s %s %s", g.Operation, g.Kind, name)
}
