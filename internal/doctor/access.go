package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/topics"
)

// need is what a node must be allowed to do with a topic.
type need struct {
	topic      string
	operations []kadm.ACLOperation
}

// needs are those of a node with all roles.
func (k Kafka) needs() []need {
	t := k.Spec.Topics
	both := []kadm.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite}
	trimmed := append(slices.Clone(both), kmsg.ACLOperationDelete)
	return []need{
		{t.Calls, trimmed},
		{t.State, both},
		{t.Results, trimmed},
		{t.Dead, []kadm.ACLOperation{kmsg.ACLOperationWrite}},
		{t.Control, both},
	}
}

// groups are the consumer groups of Parley.
func (k Kafka) groups() []string {
	return []string{k.Prefix + ".processor", k.Prefix + ".sink", k.Prefix + ".ingest", k.Prefix + ".replies"}
}

// checkAccess asks what this client may do.
func (k Kafka) checkAccess(ctx context.Context, c topics.Cluster) Report {
	var r Report
	for _, n := range k.needs() {
		r = append(r, judgeAccess(n, c.Topic(n.topic))...)
	}
	r = append(r, k.groupAccess(ctx)...)
	r = append(r, k.transactionAccess(ctx)...)
	if len(r) == 0 {
		return Report{{Check: KafkaAccess, Subject: "topics, groups and transactional ids", Verdict: OK, Found: "may be used as a node with all roles does"}}
	}
	return r
}

// allow is the command that allows an operation.
func allow(resource string, operations ...string) string {
	return "kafka-acls.sh --add --allow-principal User:NAME --operation " + strings.Join(operations, " --operation ") + " " + resource
}

func judgeAccess(n need, d topics.Described) Report {
	if errors.Is(d.Err, kerr.TopicAuthorizationFailed) {
		return Report{{
			Check: KafkaAccess, Subject: subject(d), Verdict: Failure, Found: "may not be seen", Meaning: "a node would be refused",
			Remedy: allow("--topic "+d.Name, names(n.operations)...),
		}}
	}
	if d.Err != nil || len(d.Authorized) == 0 {
		return nil // it is not there, or the broker is of a kind that does not tell
	}
	lacks := slices.DeleteFunc(slices.Clone(n.operations), func(o kadm.ACLOperation) bool { return slices.Contains(d.Authorized, o) })
	if len(lacks) == 0 {
		return nil
	}
	return Report{{
		Check: KafkaAccess, Subject: subject(d), Verdict: Failure, Found: "not allowed: " + strings.Join(names(lacks), ", "),
		Meaning: "a node whose role needs it would be refused", Remedy: allow("--topic "+d.Name, names(lacks)...),
	}}
}

// names are those that kafka-acls.sh knows.
func names(operations []kadm.ACLOperation) []string {
	all := make([]string, len(operations))
	for i, o := range operations {
		switch o {
		case kmsg.ACLOperationRead:
			all[i] = "Read"
		case kmsg.ACLOperationWrite:
			all[i] = "Write"
		case kmsg.ACLOperationDelete:
			all[i] = "Delete"
		default:
			all[i] = o.String()
		}
	}
	return all
}

// groupAccess asks what may be done with the groups.
func (k Kafka) groupAccess(ctx context.Context) Report {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups, req.IncludeAuthorizedOperations = k.groups(), true
	var r Report
	for _, shard := range k.Client.RequestSharded(ctx, req) {
		asked, ok := shard.Req.(*kmsg.DescribeGroupsRequest)
		if errors.Is(shard.Err, kerr.GroupAuthorizationFailed) && ok {
			for _, g := range asked.Groups {
				r = append(r, groupDenied(g))
			}
			continue
		}
		resp, ok := shard.Resp.(*kmsg.DescribeGroupsResponse)
		if shard.Err != nil || !ok {
			r = append(r, Finding{Check: KafkaAccess, Subject: "groups", Verdict: Unknown, Found: fmt.Sprintf("no answer: %v", shard.Err), Meaning: "whether a node may join its groups is not known"})
			continue
		}
		for _, g := range resp.Groups {
			operations := kadm.DecodeACLOperations(g.AuthorizedOperations)
			if denied := errors.Is(kerr.ErrorForCode(g.ErrorCode), kerr.GroupAuthorizationFailed); denied || len(operations) > 0 && !slices.Contains(operations, kmsg.ACLOperationRead) {
				r = append(r, groupDenied(g.Group))
			}
		}
	}
	return r
}

func groupDenied(group string) Finding {
	return Finding{
		Check: KafkaAccess, Subject: "group " + group, Verdict: Failure, Found: "not allowed: Read",
		Meaning: "a node could not join it", Remedy: allow("--group "+group, "Read", "Describe"),
	}
}

// transactionAccess asks whether the transactional id may be seen, which who may use it may. Using it would fence the node.
func (k Kafka) transactionAccess(ctx context.Context) Report {
	id := k.Prefix + ".processor-" + k.Instance
	told, err := kadm.NewClient(k.Client).DescribeTransactions(ctx, id)
	of, missing := told.On(id, nil)
	if errors.Is(errors.Join(err, missing, of.Err), kerr.TransactionalIDAuthorizationFailed) {
		return Report{{
			Check: KafkaAccess, Subject: "transactional id " + id, Verdict: Failure, Found: "not allowed: Write", Meaning: "a node with the role processor could not begin a transaction",
			Remedy: allow("--transactional-id "+k.Prefix+".processor- --resource-pattern-type prefixed", "Write", "Describe"),
		}}
	}
	return nil
}
