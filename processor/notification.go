package processor

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"parley/processor/notify"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// attemptOf is an attempt at a delivery.
type attemptOf struct {
	toldOf
	// attempt counts the attempts, from 1; zero: the delivery cannot be read.
	attempt int32
	// begun is when there was something to tell.
	begun time.Time
}

// notification is what is told in the next attempt at a delivery, which is held in a line; nil: it has ended.
func (n *notifier) notification(ref deliveryRef, l *receiverLine) (*notify.Notification, attemptOf, error) {
	d, known, err := n.store.Delivery(ref.partition, ref.id)
	if err != nil || !known {
		return nil, attemptOf{}, err
	}
	of := attemptOf{attempt: d.State.Attempts + 1, begun: d.State.Begun}
	kept, err := n.store.Notice(ref.partition, ref.id.Sequence)
	if err != nil {
		return nil, of, err
	}
	if kept == nil {
		return nil, of, fmt.Errorf("the notice %d is not in the store", ref.id.Sequence)
	}
	cursor, err := n.cursor(ref, l, d.State.Begun, kept.Cursor)
	if err != nil {
		return nil, of, err
	}
	note := &notify.Notification{
		ID:          deliveryName(kept.Event, ref.id.Target),
		Account:     d.Account,
		Target:      d.Target,
		Soap:        d.Soap,
		Type:        eventType(kept.Event),
		Sequence:    schemas.SequenceOf(kept.Event),
		Cursor:      cursor,
		Attempt:     of.attempt,
		Traceparent: kept.Traceparent,
	}
	to := target{d.Target, d.Soap}
	note.Truncated = kept.Truncated && to.withResults()
	if c := kept.Event.GetCall(); c != nil {
		call := toldResource(kept.Event, kept, 0, to)
		note.Call, note.Timestamp = &call, time.UnixMilli(c.CompletedAtMs).UTC()
		of.requestID, of.conversationID = c.RequestId, c.ConversationId
	} else {
		c := kept.Event.GetConversation()
		conversation := schemas.ConversationResourceOf(kept.Event)
		for i, call := range kept.Calls {
			conversation.Calls = append(conversation.Calls, toldResource(call, kept, i, to))
		}
		note.Conversation, note.Timestamp = &conversation, time.UnixMilli(c.CompletedAtMs).UTC()
		of.requestID, of.conversationID = c.RequestId, c.ConversationId
	}
	of.eventType = note.Type
	if note.Soap {
		note.FirstError = firstError(append([]*parleyv1.ResultEvent{kept.Event}, kept.Calls...))
		return note, of, nil
	}
	body := schemas.Callback{
		Type: note.Type, Sequence: note.Sequence, Cursor: note.Cursor, Truncated: note.Truncated,
		Timestamp: note.Timestamp, Call: note.Call, Conversation: note.Conversation,
	}
	note.Body, err = body.AppendJSON(nil)
	return note, of, err
}

// firstError is the first result that is not OK of those that are kept of events; nil: all are.
func firstError(events []*parleyv1.ResultEvent) *schemas.ResultResource {
	for _, e := range events {
		for _, r := range e.GetCall().GetResults() {
			if failed(r) {
				return &schemas.ResultResource{Status: schemas.ResultStatus(r.Status), ErrorCode: schemas.Code(r.ErrorCode), Message: r.Message}
			}
		}
	}
	return nil
}

// toldResource is a call as a target is told of it, by its event, which has a place among the calls of a notice.
func toldResource(e *parleyv1.ResultEvent, kept *parleyv1.NoticeState, at int, to target) schemas.CallResource {
	r := schemas.CallResourceOf(e)
	counts := kept.Counts[at]
	r.Total, r.Processed, r.Errors = int(counts.Total), int(counts.Processed), int(counts.Errors)
	if !to.withResults() || len(r.Results) < r.Total { // some that others are to have, or what there was room for
		r.Results = []schemas.ResultResource{}
	}
	if !to.withObjects() || at >= len(kept.Payloads) {
		return r
	}
	objects := kept.Payloads[at].Objects
	for i := range r.Results {
		if i < len(objects) {
			r.Results[i].Object = objectResource(objects[i], to)
		}
	}
	return r
}

func objectResource(o *parleyv1.Object, to target) *schemas.ObjectResource {
	r := &schemas.ObjectResource{
		Type:          o.Type,
		CustomerKey:   o.CustomerKey,
		SubscriberKey: o.SubscriberKey,
		PartnerKey:    o.PartnerKey,
		ID:            o.Id,
		ObjectID:      o.ObjectId,
		CorrelationID: o.CorrelationId,
	}
	if to.withProperties() && len(o.Properties) > 0 {
		r.Properties = o.Properties
	}
	return r
}

// deliveryName is the name of a delivery, which no other has: not even another installation's, nor that of this one after it
// was set up anew.
func deliveryName(e *parleyv1.ResultEvent, target int32) string {
	c, v := e.GetCall(), e.GetConversation()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d\x00%s\x00%s\x00%d", e.Account, schemas.SequenceOf(e),
		c.GetCompletedAtMs()+v.GetCompletedAtMs(), c.GetAcceptedAtMs()+v.GetAcceptedAtMs(),
		c.GetRequestId()+v.GetRequestId(), c.GetConversationId()+v.GetConversationId(), target))
	return "msg_" + base64.RawURLEncoding.EncodeToString(sum[:18])
}
