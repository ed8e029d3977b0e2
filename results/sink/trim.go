package sink

import (
	"context"
	"maps"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"

	"parley/internal/topics"
)

// trim deletes from the beginning of the results what is stored and old enough, of the partitions that the member has,
// until the function that it returns is called. It works beside the turns.
func (m *member) trim() (stop func()) {
	t := topics.Trimmer{
		Admin: kadm.NewClient(m.client),
		Topic: m.cfg.Topics.Results,
		Group: m.cfg.Group,
		After: m.cfg.TrimAfter,
		Log:   m.log,
	}
	ctx, cancel := context.WithCancel(context.Background())
	var trimmer sync.WaitGroup
	trimmer.Go(func() { t.Run(ctx, m.needless.offsets) })
	return func() {
		cancel()
		trimmer.Wait()
	}
}

// needless tells, by partition, the offset before which the member needs nothing. The member writes it after each turn,
// the trimmer reads it.
type needless struct {
	mu     sync.Mutex
	before map[int32]int64
}

func (n *needless) update(partitions map[int32]*partition) {
	before := make(map[int32]int64, len(partitions))
	for id, p := range partitions {
		before[id] = p.needs()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.before = before
}

func (n *needless) offsets() map[int32]int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.before)
}
