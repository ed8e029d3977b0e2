package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"parley/internal/peer"
)

// CheckNodes asks the nodes that own partitions.
func (k Kafka) CheckNodes(ctx context.Context, with peer.Probing) Report {
	probe := func() ([]peer.Probed, error) {
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		return with.Probe(ctx, k.Client, k.processors(), k.Spec.Topics.Calls)
	}
	nodes, err := probe()
	if errors.Is(err, kerr.CoordinatorNotAvailable) {
		k.settle(ctx)
		nodes, err = probe()
	}
	if refused := k.refused(ctx, err); refused != nil {
		err = errors.New(refused.Found())
	}
	return judgeNodes(nodes, err)
}

func judgeNodes(nodes []peer.Probed, err error) Report {
	if errors.Is(err, kerr.GroupIDNotFound) {
		return Report{{Check: Nodes, Subject: "nodes", Verdict: OK, Found: "none with the role processor was ever there"}}
	}
	if err != nil {
		return Report{{Check: Nodes, Subject: "nodes", Verdict: Unknown, Found: err.Error(), Meaning: "which nodes there are is not known"}}
	}
	var r Report
	for _, n := range nodes {
		f := Finding{Check: Nodes, Subject: "node at " + n.Address, Verdict: Failure, Found: fmt.Sprint(n.Err)}
		switch {
		case n.Err == nil:
			continue
		case n.Refused:
			f.Meaning, f.Remedy = "it has another secret, or another time: polls and answers that come elsewhere do not reach what it owns", "give all nodes the same PARLEY_SECRET, and have them follow one time"
		default:
			f.Meaning, f.Remedy = "polls and answers that come elsewhere do not reach what it owns", "mend PARLEY_ADVERTISE_ADDR of that node, or the network"
		}
		r = append(r, f)
	}
	if len(r) == 0 {
		return Report{{Check: Nodes, Subject: "nodes", Verdict: OK, Found: fmt.Sprintf("%d with the role processor, all reached", len(nodes))}}
	}
	return r
}
