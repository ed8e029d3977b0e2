package kafka

import (
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// boundFetch has the size of an answer be bounded partition by partition. kfake says which transactions in a partition were aborted
// unless the bound of the whole answer ends it: then whoever reads what is committed would get what was aborted. Each
// partition is given an equal share of that bound instead, and the first batch of an answer is always told. So that each request
// names all its partitions there are no fetch sessions (KIP-227), which a broker need not grant.
func boundFetch(r kmsg.Request) (resp kmsg.Response, err error, handled bool) { //nolint:revive // kfake's signature
	req, ok := r.(*kmsg.FetchRequest)
	if !ok {
		return nil, fmt.Errorf("%T is not a fetch request", r), true
	}
	if req.SessionID == 0 {
		req.SessionEpoch = -1
	}
	var partitions int32
	for _, t := range req.Topics {
		partitions += int32(len(t.Partitions))
	}
	for i := range req.Topics {
		for j := range req.Topics[i].Partitions {
			p := &req.Topics[i].Partitions[j]
			p.PartitionMaxBytes = min(p.PartitionMaxBytes, req.MaxBytes/partitions)
		}
	}
	req.MaxBytes = math.MaxInt32
	return nil, nil, false
}
