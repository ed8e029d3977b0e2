package processor

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// lookup builds status resources from the committed state of one partition.
type lookup struct {
	*store.View
	running *running
}

// withView calls f with the committed state of an owned partition.
func withView[R any](l *live, partition int32, f func(*lookup) (R, error)) (R, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var none R
	if l.store == nil || l.run == nil || !l.run.owns(partition) {
		return none, notOwned(partition)
	}
	v := &lookup{View: l.store.View(partition), running: l.run.running}
	defer v.Close()
	return f(v)
}

func (r *liveRun) owns(partition int32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.owned[partition]
	return ok
}

// gone is the error for what was here once: the marker is left, the record in ClickHouse has the rest.
func gone(what string) error {
	return fmt.Errorf("%s has ended, its result is not here any more: %w", what, schemas.ErrUnavailable)
}

// request finds a call under its request id.
func (v *lookup) request(q schemas.RequestQuery) (schemas.CallResource, error) {
	id := q.ID
	key, sequenceCode := schemas.NewConversationKey(q.Account, "", id), int32(1)
	ref, referred, err := v.Reference(id)
	if err != nil {
		return schemas.CallResource{}, err
	}
	if referred {
		if account, _, _ := ref.Conversation.Split(); account != q.Account {
			return schemas.CallResource{}, fmt.Errorf("request %s: %w", q.ID, schemas.ErrUnknown)
		}
		key, sequenceCode, id = ref.Conversation, ref.SequenceCode, ref.First
	}
	e, err := v.Finished(id)
	if err != nil {
		return schemas.CallResource{}, err
	}
	if e != nil {
		return owned(schemas.CallResourceOf(e), q.Account)
	}
	s, err := v.Conversation(key)
	if err != nil {
		return schemas.CallResource{}, err
	}
	switch {
	case s.Phase == conversation.New && !referred:
		return schemas.CallResource{}, fmt.Errorf("request %s: %w", q.ID, schemas.ErrUnknown)
	case s.Phase == conversation.New, s.Phase == conversation.Ended, referred && ref.Rejected:
		return schemas.CallResource{}, gone("request " + q.ID.String())
	}
	p, ok, err := v.Part(key, sequenceCode)
	if err != nil {
		return schemas.CallResource{}, err
	}
	if !ok {
		return schemas.CallResource{}, gone("request " + q.ID.String())
	}
	r, err := v.open(key, s, sequenceCode, p)
	if err != nil {
		return r, err
	}
	return owned(r, q.Account)
}

// owned hides what belongs to another account: request ids that producers chose may be the same in two of them.
func owned(r schemas.CallResource, account string) (schemas.CallResource, error) {
	if r.Account != account {
		return schemas.CallResource{}, schemas.ErrUnknown
	}
	return r, nil
}

// open is the status of a part of a conversation that has not ended.
func (v *lookup) open(key schemas.ConversationKey, s conversation.State, sequenceCode int32, p store.Part) (schemas.CallResource, error) {
	var call parleyv1.Call
	if err := proto.Unmarshal(p.Call, &call); err != nil {
		return schemas.CallResource{}, fmt.Errorf("decode part %d: %w", sequenceCode, err)
	}
	r := schemas.CallResource{
		RequestID:           p.RequestID.String(),
		Account:             call.Account,
		ConversationID:      call.GetOptions().GetConversationId(),
		SequenceCode:        sequenceCode,
		CallsInConversation: s.Calls,
		Method:              call.Method,
		Status:              schemas.Waiting,
		Total:               len(call.Objects),
		Results:             []schemas.ResultResource{},
		AcceptedAt:          schemas.TimeOf(schemas.MilliOf(p.AcceptedAt)),
	}
	switch {
	case s.Phase == conversation.Staging:
		r.Status = schemas.Staged
		r.Missing = s.Received.Missing(s.Calls, schemas.MissingMax)
		r.PartsExpireAt = schemas.TimeOf(schemas.MilliOf(s.Deadline))
	case sequenceCode == s.Turn:
		r.Attempts = s.Attempt - 1
		if v.running.has(key) {
			r.Status, r.Attempts = schemas.Executing, s.Attempt
		}
	case sequenceCode < s.Turn:
		return r, gone("request " + r.RequestID)
	}
	return r, nil
}

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
		return v.endedConversation(key, q)
	}
	account, _, _ := key.Split()
	r := schemas.ConversationResource{
		ConversationID:      q.ID,
		Account:             account,
		Status:              schemas.ConversationStaging,
		CallsInConversation: s.Calls,
		Received:            s.Received.Count(),
		Missing:             s.Received.Missing(s.Calls, schemas.MissingMax),
		PartsExpireAt:       schemas.TimeOf(schemas.MilliOf(s.Deadline)),
		Total:               s.Calls,
		Errors:              s.Errors,
		Calls:               []schemas.CallResource{},
	}
	if r.Missing == nil {
		r.Missing = []int32{}
	}
	if s.Phase == conversation.Processing {
		r.Status, r.Processed = schemas.ConversationProcessing, s.Turn-1
	}
	err = v.openCalls(&r, key, s, q.After)
	return r, err
}

func (v *lookup) openCalls(r *schemas.ConversationResource, key schemas.ConversationKey, s conversation.State, after int32) error {
	parts, codes, err := v.Parts(key, after, schemas.CallsPage+1)
	if err != nil {
		return err
	}
	for i, p := range parts {
		if i == schemas.CallsPage {
			r.Next = codes[i-1]
			break
		}
		e, err := v.Finished(p.RequestID)
		if err != nil {
			return err
		}
		if e != nil {
			r.Calls = append(r.Calls, schemas.CallResourceOf(e))
			continue
		}
		c, err := v.open(key, s, codes[i], p)
		if err != nil {
			return err
		}
		r.Calls = append(r.Calls, c)
	}
	return nil
}

func (v *lookup) endedConversation(key schemas.ConversationKey, q schemas.ConversationQuery) (schemas.ConversationResource, error) {
	e, err := v.Ended(key)
	if err != nil {
		return schemas.ConversationResource{}, err
	}
	if e == nil {
		return schemas.ConversationResource{}, gone("conversation")
	}
	r := schemas.ConversationResourceOf(e)
	events, err := v.endedCalls(key, q.After)
	if err != nil {
		return r, err
	}
	for i, e := range events {
		if i == schemas.CallsPage {
			r.Next = events[i-1].GetCall().GetSequenceCode()
			break
		}
		r.Calls = append(r.Calls, schemas.CallResourceOf(e))
	}
	if want := min(int(r.Received), schemas.CallsPage); q.After == 0 && len(r.Calls) < want {
		return r, gone("a call of the conversation") // it ended long before the others
	}
	return r, nil
}

func (v *lookup) endedCalls(key schemas.ConversationKey, after int32) ([]*parleyv1.ResultEvent, error) {
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
