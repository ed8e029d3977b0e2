package processor

import (
	"time"

	"parley/processor/delivery"
	"parley/processor/notify"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// telling is a delivery that may be attempted once the turn is committed.
type telling struct {
	id       store.DeliveryID
	receiver store.Receiver
	// bytes is how long the notice is, at the most.
	bytes int32
	// due is before when the attempt must not begin; zero: the delivery has ended.
	due time.Time
}

// told is what came of an attempt to tell a receiver.
type told struct {
	partition int32
	id        store.DeliveryID
	receiver  store.Receiver
	// attempt counts the attempts at the delivery, from 1.
	attempt int32
	at      time.Time
	verdict notify.Verdict
	// of is what was told.
	of toldOf
	// err is set when the state does not say what to tell: there was no attempt.
	err error
}

// toldOf names what is told of: see parleyv1.DeliveryEvent.
type toldOf struct {
	requestID, conversationID, eventType string
}

// told applies what came of an attempt to tell a receiver.
func (t *turn) told(p *partTurn, in told) error {
	d, known, err := p.tx.Delivery(in.id)
	if err != nil {
		return err
	}
	if !known || in.attempt != d.State.Attempts+1 { // of a former tenure
		p.tellings = append(p.tellings, telling{id: in.id, receiver: in.receiver, bytes: d.Bytes, due: d.State.Due})
		return nil
	}
	next, end := delivery.Step(d.State, delivery.Attempted{At: in.at, Verdict: in.verdict, Spread: spreadOf(p.id, in.id)})
	if end.Status == "" {
		d.State = next
		p.tellings = append(p.tellings, telling{id: in.id, receiver: in.receiver, bytes: d.Bytes, due: next.Due})
		return p.tx.PutDelivery(in.id, d)
	}
	p.tellings = append(p.tellings, telling{id: in.id, receiver: in.receiver})
	t.deliveries = append(t.deliveries, endedDelivery{status: end.Status, seconds: seconds(d.State.Begun, end.At)})
	if err := p.tx.EndDelivery(in.id); err != nil {
		return err
	}
	return t.event(p, &parleyv1.ResultEvent{Account: d.Account, Event: &parleyv1.ResultEvent_Delivery{Delivery: &parleyv1.DeliveryEvent{
		RequestId:       in.of.requestID,
		ConversationId:  in.of.conversationID,
		About:           in.id.Sequence,
		Type:            in.of.eventType,
		ResponseType:    d.Target.GetResponseType(),
		ResponseAddress: d.Target.GetResponseAddress(),
		Status:          string(end.Status),
		ErrorCode:       string(end.Code),
		Message:         end.Message,
		Attempts:        end.Attempts,
		BegunAtMs:       schemas.MilliOf(d.State.Begun),
		CompletedAtMs:   schemas.MilliOf(end.At),
	}}})
}

// spreadOf is a number that is a delivery's own.
func spreadOf(partition int32, id store.DeliveryID) uint64 {
	return (uint64(id.Sequence)<<16|uint64(id.Target))<<16 | uint64(partition)
}

// endedDelivery is what is measured of a delivery that has ended.
type endedDelivery struct {
	status  schemas.DeliveryStatus
	seconds float64
}
