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

	"parley/internal/grants"
	"parley/internal/topics"
)

// principal stands in commands for whom the brokers know the node as, which they do not tell.
const principal = "User:NAME"

// checkAccess asks what this client may do, and compares it with what it must. Of names that begin alike it asks for
// transactional ids alone.
func (k Kafka) checkAccess(ctx context.Context, c topics.Cluster) Report {
	var r Report
	for _, name := range k.granted(grants.Topic) {
		r = append(r, judgeAccess(k.needs(grants.Topic, name), c.Topic(name))...)
	}
	r = append(r, k.groupAccess(ctx)...)
	r = append(r, k.transactionAccess(ctx)...)
	if len(r) == 0 {
		return Report{{Check: KafkaAccess, Subject: "topics, groups and transactional ids", Verdict: OK, Found: "may be used as a node with these roles does"}}
	}
	return r
}

// granted are the names of resources that something must be allowed with, each once.
func (k Kafka) granted(kind grants.Kind) []string {
	var names []string
	for _, g := range k.Grants {
		if g.Kind == kind && !g.Prefixed && !slices.Contains(names, g.Name) {
			names = append(names, g.Name)
		}
	}
	return names
}

// needs are what must be allowed with one resource.
func (k Kafka) needs(kind grants.Kind, name string) []grants.Grant {
	return slices.DeleteFunc(slices.Clone(k.Grants), func(g grants.Grant) bool { return g.Kind != kind || g.Name != name || g.Prefixed })
}

var operations = map[grants.Operation]kadm.ACLOperation{
	grants.Read:            kmsg.ACLOperationRead,
	grants.Write:           kmsg.ACLOperationWrite,
	grants.Create:          kmsg.ACLOperationCreate,
	grants.Delete:          kmsg.ACLOperationDelete,
	grants.Describe:        kmsg.ACLOperationDescribe,
	grants.DescribeConfigs: kmsg.ACLOperationDescribeConfigs,
	grants.AlterConfigs:    kmsg.ACLOperationAlterConfigs,
}

// lacking are the needs that are not met by what is authorized.
func lacking(needs []grants.Grant, authorized []kadm.ACLOperation) []grants.Grant {
	return slices.DeleteFunc(slices.Clone(needs), func(g grants.Grant) bool { return slices.Contains(authorized, operations[g.Operation]) })
}

// denied is about needs of one resource.
func denied(subject string, needs []grants.Grant) Finding {
	said := make([]string, len(needs))
	for i, g := range needs {
		said[i] = fmt.Sprintf("%s (%s)", g.Operation, g.Why)
	}
	return Finding{
		Check: KafkaAccess, Subject: subject, Verdict: Failure, Found: "not allowed: " + strings.Join(said, ", "),
		Meaning: "a node would be refused", Remedy: strings.Join(grants.Commands(principal, needs), "; "),
	}
}

func judgeAccess(needs []grants.Grant, d topics.Described) Report {
	if errors.Is(d.Err, kerr.TopicAuthorizationFailed) {
		return Report{denied(subject(d), needs)}
	}
	if d.Err != nil || len(d.Authorized) == 0 {
		return nil // it is not there, or the broker is of a kind that does not tell
	}
	if needs = lacking(needs, d.Authorized); len(needs) > 0 {
		return Report{denied(subject(d), needs)}
	}
	return nil
}

// groupAccess asks what may be done with the groups.
func (k Kafka) groupAccess(ctx context.Context) Report {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups, req.IncludeAuthorizedOperations = k.granted(grants.Group), true
	if len(req.Groups) == 0 {
		return nil
	}
	var r Report
	for _, shard := range k.Client.RequestSharded(ctx, req) {
		asked, ok := shard.Req.(*kmsg.DescribeGroupsRequest)
		if errors.Is(shard.Err, kerr.GroupAuthorizationFailed) && ok {
			for _, name := range asked.Groups {
				r = append(r, denied("group "+name, k.needs(grants.Group, name)))
			}
			continue
		}
		resp, ok := shard.Resp.(*kmsg.DescribeGroupsResponse)
		if shard.Err != nil || !ok {
			r = append(r, Finding{Check: KafkaAccess, Subject: "groups", Verdict: Unknown, Found: fmt.Sprintf("no answer: %v", shard.Err), Meaning: "whether a node may join its groups is not known"})
			continue
		}
		for _, g := range resp.Groups {
			r = append(r, judgeGroup(k.needs(grants.Group, g.Group), g)...)
		}
	}
	return r
}

func judgeGroup(needs []grants.Grant, g kmsg.DescribeGroupsResponseGroup) Report {
	authorized := kadm.DecodeACLOperations(g.AuthorizedOperations)
	if !errors.Is(kerr.ErrorForCode(g.ErrorCode), kerr.GroupAuthorizationFailed) {
		if needs = lacking(needs, authorized); len(authorized) == 0 || len(needs) == 0 {
			return nil
		}
	}
	return Report{denied("group "+g.Group, needs)}
}

// transactionAccess asks whether the transactional id may be seen, which who may use it may. Using it would fence the node.
func (k Kafka) transactionAccess(ctx context.Context) Report {
	needs := slices.DeleteFunc(slices.Clone(k.Grants), func(g grants.Grant) bool { return g.Kind != grants.TransactionalID })
	if len(needs) == 0 {
		return nil
	}
	id := k.Prefix + ".processor-" + k.Instance
	told, err := kadm.NewClient(k.Client).DescribeTransactions(ctx, id)
	of, missing := told.On(id, nil)
	if errors.Is(errors.Join(err, missing, of.Err), kerr.TransactionalIDAuthorizationFailed) {
		return Report{denied("transactional id "+id, needs)}
	}
	return nil
}
