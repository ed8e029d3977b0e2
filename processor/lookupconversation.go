package processor

import (
	"fmt"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// conversation finds a conversation and one page of its calls.
func (v *lookup) conversation(key schemas.ConversationKey, q schemas.ConversationQuery) (schemas.ConversationResource, error) {
	s, err := v.Conversation(key)
	if err != nil {
		return schemas.ConversationResource{}, err
	}
	switch s.Phase {
	case conversation.New:
		return schemas.ConversationResource{}, fmt.Errorf("conversation: %w", schemas.ErrUnknown)
	case conversation.Ended:
		return v.endedConversation(key, s, q.After)
	}
	r := v.openConversation(key, s)
	err = v.openCalls(&r, key, s, q.After)
	return r, err
}

// openConversation is a conversation that has not ended, without its calls.
func (v *lookup) openConversation(key schemas.ConversationKey, s conversation.State) schemas.ConversationResource {
	account, conversationID, id := key.Split()
	r := schemas.ConversationResource{
		ConversationID:      conversationID,
		Account:             account,
		Status:              schemas.ConversationStaging,
		CallsInConversation: s.Calls,
		Received:            s.Received.Count(),
		Missing:             s.Received.Missing(s.Calls, schemas.MissingMax),
		PartsExpireAt:       schemas.TimeOf(schemas.MilliOf(s.Deadline)),
		Total:               s.Calls,
		Errors:              s.Errors,
		AcceptedAt:          schemas.TimeOf(schemas.MilliOf(s.AcceptedAt)),
		StartedAt:           schemas.TimeOf(schemas.MilliOf(s.StartedAt)),
		Continues:           schemas.TextOf(s.Continues),
		Calls:               []schemas.CallResource{},
	}
	if key.Single() {
		r.ConversationID, r.RequestID = id.String(), id.String()
	}
	if r.Missing == nil {
		r.Missing = []int32{}
	}
	if s.Phase == conversation.Processing {
		r.Status, r.Processed = schemas.ConversationProcessing, s.Turn.SequenceCode-1
		if r.Processed == 0 && v.status(key, s, 1) == schemas.Scheduled {
			r.Status = schemas.ConversationScheduled
		}
	}
	return r
}

func (v *lookup) openCalls(r *schemas.ConversationResource, key schemas.ConversationKey, s conversation.State, after int32) error {
	parts, err := v.Outlines(key, after, schemas.CallsPage+1)
	if err != nil {
		return err
	}
	for i, p := range parts {
		if i == schemas.CallsPage {
			r.Next = parts[i-1].SequenceCode
			break
		}
		if !ended(s, p.SequenceCode) {
			r.Calls = append(r.Calls, v.open(key, s, p))
			continue
		}
		e, err := v.Finished(p.RequestID)
		if err != nil {
			return err
		}
		if e == nil {
			r.InRecord = append(r.InRecord, p.SequenceCode)
			continue
		}
		call, err := v.call(e)
		if err != nil {
			return err
		}
		r.Calls = append(r.Calls, call)
	}
	return nil
}

// endedConversation is a conversation that has ended, as long as there is more of it here than its marker.
func (v *lookup) endedConversation(key schemas.ConversationKey, s conversation.State, after int32) (schemas.ConversationResource, error) {
	r, err := v.end(key, s)
	if err != nil {
		return r, err
	}
	err = v.endedCalls(&r, key, receivedBy(s), after)
	return r, err
}

// end is a conversation that has ended, without its calls.
func (v *lookup) end(key schemas.ConversationKey, s conversation.State) (schemas.ConversationResource, error) {
	e, err := v.Ended(key)
	if err != nil {
		return schemas.ConversationResource{}, err
	}
	if e == nil && s.EndedAt.IsZero() {
		return schemas.ConversationResource{}, inRecord(key)
	}
	if e == nil { // what failed or was continued keeps all that its event said
		account, _, _ := key.Split()
		e = &parleyv1.ResultEvent{Account: account, Event: &parleyv1.ResultEvent_Conversation{Conversation: conversationEvent(key, s)}}
	}
	r := schemas.ConversationResourceOf(e)
	r.ContinuedBy = schemas.TextOf(s.ContinuedBy)
	if e.GetConversation().GetTold() > 0 {
		if r.Deliveries, err = v.deliveries(e.Sequence); err != nil {
			return r, err
		}
	}
	if s.Kept.From > 0 && s.ContinuedBy == "" {
		r.Kept = &schemas.KeptResource{From: s.Kept.From, Failed: s.Kept.Failed, Until: s.Kept.Until}
	}
	return r, nil
}

// inRecord says that only a marker is left of a conversation.
func inRecord(key schemas.ConversationKey) error {
	_, conversationID, id := key.Split()
	return &schemas.RecordedError{As: id, Part: schemas.Part{ConversationID: conversationID}}
}

// receivedBy are the parts that had arrived at the end of a conversation. Empty: its marker does not tell.
func receivedBy(s conversation.State) conversation.Parts {
	if s.End == schemas.ConversationComplete {
		return conversation.All(s.Calls)
	}
	return s.Received
}

// endedCalls adds a page of calls. Those whose events are here no more are named as InRecord; when it is not known
// which there were, the page is here as a whole or not at all.
func (v *lookup) endedCalls(r *schemas.ConversationResource, key schemas.ConversationKey, received conversation.Parts, after int32) error {
	events, err := v.endedEvents(key, after)
	if err != nil {
		return err
	}
	known := make(map[int32]*parleyv1.ResultEvent, len(events))
	for _, e := range events {
		known[e.GetCall().GetSequenceCode()] = e
	}
	switch {
	case received.Count() > 0:
	case after == 0 && len(events) < min(int(r.Received), schemas.CallsPage):
		return inRecord(key)
	default:
		for k := range known {
			received = received.With(k)
		}
	}
	var last int32
	for k, n := after+1, 0; k <= r.CallsInConversation; k++ {
		if !received.Has(k) {
			continue
		}
		if n++; n > schemas.CallsPage {
			r.Next = last
			break
		}
		last = k
		e, ok := known[k]
		if !ok {
			r.InRecord = append(r.InRecord, k)
			continue
		}
		call, err := v.call(e)
		if err != nil {
			return err
		}
		r.Calls = append(r.Calls, call)
	}
	return nil
}

func (v *lookup) endedEvents(key schemas.ConversationKey, after int32) ([]*parleyv1.ResultEvent, error) {
	if !key.Single() {
		return v.EndedCalls(key, after, schemas.CallsPage+1)
	}
	_, _, id := key.Split()
	e, err := v.Finished(id)
	if err != nil || e == nil || after > 0 {
		return nil, err
	}
	return []*parleyv1.ResultEvent{e}, nil
}
