package sink

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"

	"parley/internal/topics"
)

// trim deletes from the beginning of the results what is stored and old enough, of the partitions that the member has,
// until the function that it returns is called. It works beside the turns.
func (m *member) trim() (stop func()) {
	t := topics.Trimmer{
		Admin:  kadm.NewClient(m.client),
		Topic:  m.cfg.Topics.Results,
		Groups: append([]string{m.cfg.Group}, m.cfg.OtherGroups...),
		After:  m.cfg.TrimAfter,
		Log:    m.log,
	}
	ctx, cancel := context.WithCancel(context.Background())
	var trimmer sync.WaitGroup
	trimmer.Go(func() { t.Run(ctx, m.positions.needless) })
	return func() {
		cancel()
		trimmer.Wait()
	}
}
