package doctor

import (
	"context"
	"fmt"

	"parley/internal/peer"
)

// CheckNodes asks the nodes that own partitions.
func (k Kafka) CheckNodes(ctx context.Context, with peer.Probing) Report {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	nodes, err := with.Probe(ctx, k.Client, k.Prefix+".processor", k.Spec.Topics.Calls)
	return judgeNodes(nodes, err)
}

func judgeNodes(nodes []peer.Probed, err error) Report {
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
