package cli

// topicsCmd looks after the topics of Parley.
type topicsCmd struct {
	ACLs topicsACLsCmd `cmd:"" name:"acls" help:"Print what nodes, operators and producers must be allowed to do in Kafka, and no more."`
}
