package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// held are the partitions that a member has.
type held struct {
	mu         sync.Mutex
	partitions map[string]map[int32]bool
}

// options keep the partitions that a member has up to date.
func (h *held) options() []kgo.Opt {
	drop := func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { h.change(lost, false) }
	return []kgo.Opt{
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, added map[string][]int32) { h.change(added, true) }),
		kgo.OnPartitionsRevoked(drop),
		kgo.OnPartitionsLost(drop),
	}
}

func (h *held) change(changed map[string][]int32, have bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for topic, partitions := range changed {
		if h.partitions[topic] == nil {
			h.partitions[topic] = make(map[int32]bool)
		}
		for _, p := range partitions {
			h.partitions[topic][p] = have
		}
	}
}

// places are the partitions that a member has now.
func (h *held) places() kadm.TopicsSet {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out kadm.TopicsSet
	for topic, partitions := range h.partitions {
		for p, have := range partitions {
			if have {
				out.Add(topic, p)
			}
		}
	}
	return out
}

// watch tells how far behind this member is, until ctx ends.
func (r *Relay) watch(ctx context.Context, client *kgo.Client, h *held) {
	admin := kadm.NewClient(client)
	every := time.NewTicker(r.cfg.Interval)
	defer every.Stop()
	defer r.cfg.Lag(map[string]int64{})
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		lag, err := r.lag(ctx, admin, h.places())
		if err != nil {
			if ctx.Err() == nil {
				r.cfg.Log.Debug("lag is not known", "group", r.cfg.Group, "error", err)
			}
			continue
		}
		r.cfg.Lag(lag)
	}
}

// lag counts the records behind the committed offsets, by topic.
func (r *Relay) lag(ctx context.Context, admin *kadm.Client, places kadm.TopicsSet) (map[string]int64, error) {
	lag := make(map[string]int64, len(places))
	if len(places) == 0 {
		return lag, nil
	}
	committed, err := admin.FetchOffsets(ctx, r.cfg.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("fetch offsets: %w", err)
	}
	starts, err := admin.ListStartOffsets(ctx, places.Topics()...)
	if err != nil {
		return nil, fmt.Errorf("list starts: %w", err)
	}
	ends, err := admin.ListEndOffsets(ctx, places.Topics()...)
	if err != nil {
		return nil, fmt.Errorf("list ends: %w", err)
	}
	for topic, partitions := range places {
		for p := range partitions {
			at, _ := committed.Lookup(topic, p)
			start, _ := starts.Lookup(topic, p)
			end, _ := ends.Lookup(topic, p)
			lag[topic] += max(0, end.Offset-max(at.At, start.Offset)) // a topic that is gone has none
		}
	}
	return lag, nil
}
