package subscriber

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"

	"parley/internal/control"
	"parley/internal/topics"
)

const (
	// tendTimeout bounds what is done for one queue in a round, tendBytesMax what is read of it.
	tendTimeout  = 10 * time.Second
	tendBytesMax = 64 << 10
)

// tend measures the queues, gives back the room of what is acknowledged, and deletes the topics of subscribers that are
// deleted, until ctx ends. The member with the first partition of the results does so for all; if two do, no harm is done.
func (m *member) tend(ctx context.Context) {
	every := time.NewTicker(m.cfg.TendEvery)
	defer every.Stop()
	defer m.metrics.forget()
	t := tender{cfg: m.cfg, metrics: m.metrics, fetch: newFetcher(m.session.Client(), m.cfg.Topics), admin: kadm.NewClient(m.session.Client()), trimmed: make(map[string]int64), dropped: make(map[string]bool)}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-every.C:
			if !m.first.Load() {
				m.metrics.forget()
				continue
			}
			t.round(ctx, now)
		}
	}
}

// tender looks after the queues.
type tender struct {
	cfg     FanoutConfig
	metrics *metrics
	fetch   *fetcher
	admin   *kadm.Client
	// trimmed is up to which offset the records of a topic were deleted, dropped which topics were: by this tender.
	trimmed map[string]int64
	dropped map[string]bool
}

func (t *tender) round(ctx context.Context, now time.Time) {
	for _, s := range t.cfg.Control.Subscribers() {
		if ctx.Err() != nil {
			return
		}
		if err := t.one(ctx, s, now); err != nil && ctx.Err() == nil {
			t.cfg.Log.Warn("a queue was not looked after", "subscriber", s.ID, "error", err)
		}
	}
}

func (t *tender) one(ctx context.Context, s *control.Subscriber, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, tendTimeout)
	defer cancel()
	if !s.Live() {
		t.metrics.drop(s)
		return t.drop(ctx, s, now)
	}
	q := t.cfg.Control.Queue(s.ID)
	seen, err := t.fetch.look(ctx, q, tendBytesMax)
	if err != nil {
		return err
	}
	t.metrics.tell(s, seen, now)
	return t.trim(ctx, t.cfg.Topics.Subscriber(s.ID), q.Acknowledged)
}

// trim deletes the records before an offset.
func (t *tender) trim(ctx context.Context, topic string, to int64) error {
	if to <= t.trimmed[topic] {
		return nil
	}
	var cut kadm.Offsets
	cut.AddOffset(topic, 0, to, -1)
	deleted, err := t.admin.DeleteRecords(ctx, cut)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		return fmt.Errorf("delete records of %s: %w", topic, err)
	}
	t.trimmed[topic] = to
	return nil
}

// drop deletes the topic of a subscriber that was deleted so long ago that nobody writes to it any more.
func (t *tender) drop(ctx context.Context, s *control.Subscriber, now time.Time) error {
	topic := t.cfg.Topics.Subscriber(s.ID)
	if t.dropped[topic] || now.Sub(s.Deleted) < t.cfg.DropAfter {
		return nil
	}
	if err := topics.DropQueue(ctx, t.admin, topic); err != nil {
		return err
	}
	t.dropped[topic] = true
	return nil
}

func labels(s *control.Subscriber) prometheus.Labels {
	return prometheus.Labels{"subscriber": s.ID.String()}
}

// tell shows how a queue stands.
func (m *metrics) tell(s *control.Subscriber, seen seen, now time.Time) {
	of := labels(s)
	m.depth.With(of).Set(float64(seen.depth))
	m.warn.With(of).Set(float64(s.WarnDepth))
	m.full.With(of).Set(float64(s.FullDepth))
	age := 0.0
	if !seen.oldest.IsZero() {
		age = max(0, now.Sub(seen.oldest).Seconds())
	}
	m.age.With(of).Set(age)
}

// drop takes back what was told of the queue of a subscriber that is deleted.
func (m *metrics) drop(s *control.Subscriber) {
	for _, g := range []*prometheus.GaugeVec{m.depth, m.age, m.warn, m.full} {
		g.Delete(labels(s))
	}
}
