package ingest

import (
	"context"
	"maps"
	"slices"

	"parley/schemas"
)

// toldEnd is an end that the record has answered for, and its deliveries.
type toldEnd struct {
	schemas.Told

	deliveries *[]schemas.DeliveryResource
}

// pending puts into what the record has of ends the deliveries that have not ended: their owner alone knows of them. When it
// cannot tell now, those that have ended are shown.
func (p poller) pending(ctx context.Context, ends []toldEnd) {
	open := make(map[int32]map[int64]toldEnd) // by partition and sequence
	for _, e := range ends {
		if len(*e.deliveries) >= e.Receivers {
			continue
		}
		if open[e.Partition] == nil {
			open[e.Partition] = make(map[int64]toldEnd)
		}
		open[e.Partition][e.Sequence] = e
	}
	if len(open) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	for partition, of := range open {
		told, err := p.live.Deliveries(ctx, schemas.DeliveriesQuery{Partition: partition, Sequences: slices.Sorted(maps.Keys(of))})
		p.note(ctx, "live state", "deliveries", err)
		for _, its := range told {
			if e, asked := of[its.Sequence]; asked {
				*e.deliveries = schemas.WithLive(*e.deliveries, its.Deliveries)
			}
		}
	}
}
