package subscriber

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

const (
	// cachedBytesMax bounds the values that are kept of a queue, cachedMax the queues of which some are.
	cachedBytesMax = 1 << 20
	cachedMax      = 64
)

// cache keeps what was read of queues and not handed out: a block is shorter than a batch, and batches are read as a whole. What
// is committed at an offset never changes, so nothing in it can be wrong. The zero value is empty.
type cache struct {
	mu  sync.Mutex
	all map[schemas.SubscriberID]piece
}

// from returns what is kept of a queue from an offset on, and forgets what lies before. false: nothing is.
func (c *cache) from(id schemas.SubscriberID, offset int64) (piece, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.all[id]
	if !ok || offset < p.first || offset >= p.next {
		return piece{}, false
	}
	for len(p.records) > 0 && p.records[0].Offset < offset {
		p.records = p.records[1:]
	}
	p.first = offset
	c.all[id] = p
	return p, true
}

// keep keeps a piece of a queue in the place of the former, as far as it is not too much.
func (c *cache) keep(id schemas.SubscriberID, p piece) {
	bytes := 0
	for i, r := range p.records {
		if bytes += len(r.Value); bytes > cachedBytesMax {
			p.next = r.Offset
			p.records = append([]*kgo.Record(nil), p.records[:i]...) // the rest is freed
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = make(map[schemas.SubscriberID]piece)
	}
	if _, ok := c.all[id]; !ok && len(c.all) >= cachedMax {
		for other := range c.all { // any: who dequeues now comes again sooner
			delete(c.all, other)
			break
		}
	}
	if len(p.records) > 0 {
		c.all[id] = p
	} else {
		delete(c.all, id)
	}
}
