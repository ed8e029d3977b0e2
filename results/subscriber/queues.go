package subscriber

import (
	"time"

	"parley/internal/control"
	"parley/schemas"
)

// Queues makes and deletes subscribers, and hands out what is in their queues. It is safe for concurrent use, and any process
// may have one.
type Queues struct {
	cfg   QueuesConfig
	fetch *fetcher
	cache cache
}

// NewQueues returns one that holds nothing to be closed.
func NewQueues(cfg QueuesConfig) *Queues {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Queues{cfg: cfg, fetch: newFetcher(cfg.Client, cfg.Spec.Topics)}
}

// own returns a subscriber of an account. Its error is schemas.ErrUnknown.
func (q *Queues) own(account string, id schemas.SubscriberID) (*control.Subscriber, error) {
	s := q.cfg.Control.Subscriber(id)
	if !s.Live() || s.Account != account {
		return nil, schemas.ErrUnknown
	}
	return s, nil
}
