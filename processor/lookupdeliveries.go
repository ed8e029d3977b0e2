package processor

import (
	"context"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Deliveries tells how far telling of ends has come in a partition; *schemas.NotOwnedError when that is not ours.
func (p *Processor) Deliveries(_ context.Context, q schemas.DeliveriesQuery) ([]schemas.EndDeliveries, error) {
	ends, err := withView(p.live, q.Partition, func(v *lookup) (ends []schemas.EndDeliveries, err error) {
		for _, sequence := range q.Sequences {
			d, err := v.deliveries(sequence)
			if err != nil {
				return nil, err
			}
			ends = append(ends, schemas.EndDeliveries{Sequence: sequence, Deliveries: d})
		}
		return ends, nil
	})
	if err == nil && !p.live.leased() { // another owner may have told more
		return nil, notOwned(q.Partition)
	}
	return ends, err
}

// call is a call that has ended, with who is told of it.
func (v *lookup) call(e *parleyv1.ResultEvent) (schemas.CallResource, error) {
	r := schemas.CallResourceOf(e)
	if e.GetCall().GetTold() == 0 {
		return r, nil
	}
	var err error
	r.Deliveries, err = v.deliveries(e.Sequence)
	return r, err
}

// deliveries are those of the end of a call or a conversation, which has a sequence: what has not ended, then what has, as far as
// it is kept here.
func (v *lookup) deliveries(sequence int64) ([]schemas.DeliveryResource, error) {
	pending, err := v.Deliveries(sequence)
	if err != nil {
		return nil, err
	}
	var out []schemas.DeliveryResource
	for _, d := range pending {
		out = append(out, schemas.DeliveryResource{
			ResponseType:    d.Target.GetResponseType(),
			ResponseAddress: d.Target.GetResponseAddress(),
			Status:          schemas.DeliveryPending,
			ErrorCode:       d.State.Code,
			Message:         d.State.Message,
			Attempts:        d.State.Attempts,
			NextAttemptAt:   schemas.TimeOf(schemas.MilliOf(d.State.Due)),
		})
	}
	ended, err := v.EndedDeliveries(sequence)
	for _, e := range ended {
		out = append(out, schemas.DeliveryResourceOf(e.GetDelivery()))
	}
	return out, err
}
