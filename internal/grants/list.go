package grants

import (
	"cmp"
	"slices"

	"parley/schemas"
)

// Parley is what grants depend on.
type Parley struct {
	// Prefix begins the names of topics, groups and transactional ids.
	Prefix string
	// Requests and Replies are the topics of kafka routes.
	Requests, Replies []string
	// Account is the tenant's. Empty: topics of all accounts are meant.
	Account string
	// BackendGroup is the consumer group of a backend. Empty: parley-backend.
	BackendGroup string
}

// names are those of a Parley.
type names struct {
	Parley
	schemas.Topics
}

func (n names) group(of string) string { return n.Prefix + "." + of }

// For is what a role must be allowed to do, each thing once, in the order of resources.
func (p Parley) For(role Role) []Grant {
	n := names{p, schemas.TopicsOf(p.Prefix)}
	var all []Grant
	switch role {
	case Ingest:
		all = append(n.node(), n.ingest()...)
	case Processor:
		all = append(n.node(), n.processor()...)
	case Results:
		all = append(n.node(), n.results()...)
	case Operator:
		all = n.operator()
	case Setup:
		all = n.setup()
	case Producer:
		all = []Grant{{Topic, n.Calls, false, Write, "calls"}}
	case Tenant:
		all = []Grant{{Topic, n.inbox(), n.Account == "", Write, "calls of the account"}}
	case Backend:
		all = n.backend()
	}
	return Union(all)
}

// node is what nodes of all roles do when they start.
func (n names) node() []Grant {
	var all []Grant
	for _, topic := range []string{n.Calls, n.State, n.Results, n.Dead, n.Control} {
		all = append(all,
			Grant{Topic, topic, false, Describe, "that it is there, and how it is divided"},
			Grant{Topic, topic, false, DescribeConfigs, "that it is set up to lose nothing"})
	}
	return append(all,
		Grant{Topic, n.Control, false, Read, "what all processes agree on"},
		Grant{Group, n.group("processor"), false, Describe, "who owns a partition, to ask it"})
}

func (n names) ingest() []Grant {
	all := []Grant{
		{Topic, n.Calls, false, Write, "calls, commands and answers"},
		{Topic, n.Control, false, Write, "maintenance of routes by HTTP, secrets of callbacks, subscribers, and what they acknowledge"},
		{Topic, n.Dead, false, Write, "what cannot be read in the topics of accounts"},
		{Topic, n.Inboxes, true, Read, "the topics of accounts"},
		{Topic, n.Inboxes, true, DescribeConfigs, "how long something erased may still be there"},
		{Group, n.group("ingest"), false, Read, "how far the topics of accounts are read"},
		{Topic, n.Results, false, Describe, "where the queue of a new subscriber begins"},
		{Topic, n.Subscribers, true, Create, "a queue for a new subscriber"},
		{Topic, n.Subscribers, true, Read, "the queues of subscribers"},
	}
	for _, topic := range n.Requests {
		all = append(all, Grant{Topic, topic, false, DescribeConfigs, "how long something erased may still be there"})
	}
	return all
}

func (n names) processor() []Grant {
	all := []Grant{
		{Topic, n.Calls, false, Read, "calls"},
		{Topic, n.Calls, false, Write, "ticks, and calls that came to the wrong partition"},
		{Topic, n.Calls, false, Delete, "records that are not needed any more, after PARLEY_TRIM_AFTER"},
		{Topic, n.State, false, Read, "the state of partitions that are taken over"},
		{Topic, n.State, false, Write, "the state"},
		{Topic, n.Results, false, Read, "results that are not in ClickHouse yet, for polls"},
		{Topic, n.Results, false, Write, "results"},
		{Topic, n.Dead, false, Write, "what cannot be read"},
		{Topic, n.Control, false, Write, "first secrets of callbacks, and targets that have answered 410"},
		{Group, n.group("processor"), false, Read, "membership and offsets"},
		{Group, n.group("sink"), false, Describe, "how far ClickHouse is"},
		{TransactionalID, n.group("processor") + "-", true, Write, "one transaction a turn"},
	}
	for _, topic := range n.Requests {
		all = append(all,
			Grant{Topic, topic, false, Write, "requests of kafka routes"},
			Grant{Topic, topic, false, DescribeConfigs, "how long a request may be"})
	}
	for _, topic := range n.Replies {
		all = append(all,
			Grant{Topic, topic, false, Read, "replies of kafka routes"},
			Grant{Group, n.group("replies"), false, Read, "how far replies are read"})
	}
	return all
}

func (n names) results() []Grant {
	return []Grant{
		{Topic, n.Results, false, Read, "results"},
		{Topic, n.Results, false, Delete, "records that are in ClickHouse, after PARLEY_TRIM_AFTER"},
		{Topic, n.Dead, false, Write, "what ClickHouse cannot hold"},
		{Group, n.group("sink"), false, Read, "membership and offsets"},
		{Group, n.group("subscribers"), false, Read, "membership and offsets of those who fill the queues"},
		{Topic, n.Subscribers, true, Read, "how long the queues of subscribers are"},
		{Topic, n.Subscribers, true, Write, "the queues of subscribers"},
		{Topic, n.Subscribers, true, Delete, "what is acknowledged, and the queues of subscribers that are deleted"},
		{TransactionalID, n.group("subscribers") + "-", true, Write, "one transaction for what is put into queues at a time"},
	}
}

func (n names) operator() []Grant {
	return []Grant{
		{Topic, n.Control, false, Read, "keys, accounts"},
		{Topic, n.Control, false, Write, "keys, accounts"},
		{Topic, n.Dead, false, Read, "dead"},
		{Topic, n.Calls, false, Write, "dead replay"},
		{Topic, n.Inboxes, true, Write, "dead replay"},
		{Topic, n.Results, false, Read, "replay"},
		{Topic, n.Results, false, Write, "dead replay"},
		{Group, n.group("sink"), false, Read, "replay"},
	}
}

func (n names) setup() []Grant {
	all := []Grant{
		{Topic, n.Control, false, Read, "how topics are divided"},
		{Topic, n.Control, false, Write, "how topics are divided, once"},
		{Topic, n.Inboxes, true, Create, "inbox create"},
		{Cluster, theCluster, false, Alter, "topics apply --reassign"},
	}
	for _, topic := range []string{n.Calls, n.State, n.Results, n.Dead, n.Control} {
		all = append(all,
			Grant{Topic, topic, false, Create, "topics that are missing"},
			Grant{Topic, topic, false, Describe, "topics that are there"},
			Grant{Topic, topic, false, DescribeConfigs, "their settings"},
			Grant{Topic, topic, false, AlterConfigs, "their settings, put right"})
	}
	return all
}

func (n names) inbox() string { return n.Inbox(n.Account) }

func (n names) backend() []Grant {
	var all []Grant
	for _, topic := range n.Requests {
		all = append(all,
			Grant{Topic, topic, false, Read, "requests of kafka routes"},
			Grant{Group, cmp.Or(n.BackendGroup, "parley-backend"), false, Read, "how far they are read"})
	}
	for _, topic := range n.Replies {
		all = append(all, Grant{Topic, topic, false, Write, "replies"})
	}
	return all
}

// kinds in the order in which they are shown.
var kinds = []Kind{Topic, Group, TransactionalID, Cluster}

// Union is grants in the order of their resources, each once, without what Kafka has implied by another.
func Union(all []Grant) []Grant {
	var out []Grant
	for _, g := range all {
		if !slices.ContainsFunc(all, func(other Grant) bool { return other.implies(g) }) && !slices.ContainsFunc(out, g.same) {
			out = append(out, g)
		}
	}
	slices.SortStableFunc(out, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Operation, b.Operation))
	})
	return out
}

func (g Grant) on(other Grant) bool {
	return g.Kind == other.Kind && g.Name == other.Name && g.Prefixed == other.Prefixed
}

func (g Grant) same(other Grant) bool { return g.on(other) && g.Operation == other.Operation }

// implies reports whether Kafka allows with g what other is for (KIP-253; AclAuthorizer's rules for Describe).
func (g Grant) implies(other Grant) bool {
	switch {
	case !g.on(other):
		return false
	case other.Operation == Describe:
		return g.Operation == Read || g.Operation == Write || g.Operation == Delete
	case other.Operation == DescribeConfigs:
		return g.Operation == AlterConfigs
	}
	return false
}
