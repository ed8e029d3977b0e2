package processor

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"

	"parley/internal/topics"
)

// trim deletes from the beginning of the calls what has been applied and is old enough, of the partitions that we own,
// until the function that it returns is called. It works beside the loop, which waits for no deletion.
func (l *loop) trim() (stop func()) {
	t := topics.Trimmer{
		Admin:  kadm.NewClient(l.session.client),
		Topic:  l.cfg.Topics.Calls,
		Groups: []string{l.cfg.Group},
		After:  l.cfg.TrimAfter,
		Log:    l.cfg.Log,
	}
	ctx, cancel := context.WithCancel(context.Background())
	var trimmer sync.WaitGroup
	trimmer.Go(func() { t.Run(ctx, l.live.read) })
	return func() {
		cancel()
		trimmer.Wait()
	}
}

// read tells how far the partitions that we own have been read and applied, by committed turns.
func (l *live) read() map[int32]int64 {
	l.mu.RLock()
	r := l.run
	l.mu.RUnlock()
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[int32]int64, len(r.owned))
	for id, p := range r.owned {
		out[id] = p.next
	}
	return out
}
