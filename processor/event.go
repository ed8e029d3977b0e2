package processor

import (
	"github.com/google/uuid"

	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// callEvent says that a call has ended, of which p was kept.
func (t *turn) callEvent(call *parleyv1.Call, p store.Part, end conversation.EndCall) *parleyv1.CallEvent {
	sequenceCode, calls := schemas.Place(call)
	e := &parleyv1.CallEvent{
		RequestId:           call.RequestId,
		ConversationId:      call.GetOptions().GetConversationId(),
		SequenceCode:        sequenceCode,
		CallsInConversation: calls,
		Method:              call.Method,
		Action:              call.Action,
		Status:              string(end.Status),
		ErrorCode:           string(end.Code),
		Message:             end.Message,
		Attempts:            end.Attempts,
		AcceptedAtMs:        schemas.MilliOf(p.AcceptedAt),
		StartedAtMs:         schemas.MilliOf(end.StartedAt),
		CompletedAtMs:       schemas.MilliOf(end.At),
		Digest:              call.Digest,
		Route:               t.routeOf(call),
		Content:             keyedContent(p),
		TraceId:             traceOf(call).ID(),
		Results:             make([]*parleyv1.ObjectResult, len(call.Objects)),
	}
	all := make([]parleyv1.ObjectResult, len(call.Objects))
	for i, o := range call.Objects {
		r := &all[i]
		r.CorrelationId, r.ObjectType, r.CustomerKey = o.GetCorrelationId(), o.GetType(), o.GetCustomerKey()
		r.Subject = schemas.Subject(call.Account, o.GetSubscriberKey())
		r.Status, r.ErrorCode, r.Message = objectResult(i, o, end)
		e.Results[i] = r
	}
	return e
}

// keyedContent is what a call with an Idempotency-Key asked for; zero: it has none.
func keyedContent(p store.Part) uint64 {
	if schemas.Keyed(p.RequestID) {
		return p.Content
	}
	return 0
}

// routeOf is the name of the route that takes a call; empty: none does.
func (t *turn) routeOf(call *parleyv1.Call) string {
	r, problem := t.cfg.Routes.ForCall(call)
	if problem != nil {
		return ""
	}
	return r.Name
}

// objectResult is the status, code and message of one object: its own, or those of the call as a whole.
func objectResult(ordinal int, o *parleyv1.Object, end conversation.EndCall) (status, code, message string) {
	withheld := len(end.Results) > 0 && end.Results[ordinal].Withheld || len(end.Results) == 0 && o.Erased > 0 && o.Erased <= end.Attempts
	switch {
	case withheld:
		return string(schemas.Cancelled), string(schemas.Erased), "the object was erased before it was carried out"
	case len(end.Results) == 0:
		return string(end.Status), string(end.Code), end.Message
	}
	r := end.Results[ordinal]
	if r.Failed {
		return string(schemas.Error), string(r.Code), r.Message
	}
	return string(schemas.OK), "", r.Message
}

// rejectedEvent says that a call was no part of its conversation.
func (t *turn) rejectedEvent(in *received, why conversation.Reject) *parleyv1.CallEvent {
	p := in.part
	p.AcceptedAt = in.at
	return t.callEvent(in.call, p, conversation.EndCall{Status: schemas.Rejected, Code: why.Code, Message: why.Message, At: why.At})
}

// conversationEvent says that a conversation has ended, or that one which had is continued.
func conversationEvent(key schemas.ConversationKey, s conversation.State) *parleyv1.ConversationEvent {
	_, conversationID, id := key.Split()
	e := &parleyv1.ConversationEvent{
		ConversationId:      conversationID,
		Status:              string(s.End),
		ErrorCode:           string(s.Code),
		Message:             s.Message,
		CallsInConversation: s.Calls,
		Received:            s.Received.Count(),
		Processed:           s.Processed,
		Errors:              s.Errors,
		AcceptedAtMs:        schemas.MilliOf(s.AcceptedAt),
		StartedAtMs:         schemas.MilliOf(s.StartedAt),
		CompletedAtMs:       schemas.MilliOf(s.EndedAt),
		Continues:           s.Continues,
		ContinuedBy:         s.ContinuedBy,
	}
	if key.Single() {
		e.RequestId = id.String()
	}
	return e
}

// eventType is the type of an event, as its record's header and its receivers know it.
func eventType(e *parleyv1.ResultEvent) string {
	if d := e.GetDelivery(); d != nil {
		if schemas.DeliveryStatus(d.Status) == schemas.Delivered {
			return schemas.EventDeliveryCompleted
		}
		return schemas.EventDeliveryFailed
	}
	if c := e.GetConversation(); c != nil {
		if c.ContinuedBy != "" {
			return schemas.EventConversationContinued
		}
		if schemas.ConversationStatus(c.Status) == schemas.ConversationComplete {
			return schemas.EventConversationCompleted
		}
		return schemas.EventConversationFailed
	}
	switch schemas.CallStatus(e.GetCall().GetStatus()) {
	case schemas.OK, schemas.HasErrors:
		return schemas.EventCallCompleted
	}
	return schemas.EventCallFailed
}

// eventKey keys an event as the record of its call was.
func eventKey(e *parleyv1.ResultEvent) string {
	c, v, d := e.GetCall(), e.GetConversation(), e.GetDelivery()
	conversationID := c.GetConversationId() + v.GetConversationId() + d.GetConversationId()
	id := c.GetRequestId() + v.GetRequestId() + d.GetRequestId()
	if conversationID == "" {
		return e.Account + "/" + id
	}
	return e.Account + "/" + conversationID
}

// requestID is the request id of a call that has been identified.
func requestID(call *parleyv1.Call) schemas.RequestID {
	return uuid.MustParse(call.RequestId)
}
