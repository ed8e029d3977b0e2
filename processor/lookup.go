package processor

import (
	"fmt"
	"time"

	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
)

// lookup builds status resources from the committed state of one partition, as of now.
type lookup struct {
	*store.View
	running *running
	now     time.Time
}

// withView calls f with the committed state of an owned partition.
func withView[R any](l *live, partition int32, f func(*lookup) (R, error)) (r R, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.ownsLocked(partition) {
		return r, notOwned(partition)
	}
	v := l.store.View(partition)
	defer v.Close()
	return f(l.lookup(v))
}

// glance calls f as withView does. It is cheaper for a few reads, and may call f twice.
func glance[R any](l *live, partition int32, f func(*lookup) (R, error)) (r R, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.ownsLocked(partition) {
		return r, notOwned(partition)
	}
	err = l.store.Glance(partition, func(v *store.View) error {
		r, err = f(l.lookup(v))
		return err
	})
	return r, err
}

func (l *live) lookup(v *store.View) *lookup {
	return &lookup{View: v, running: l.run.running, now: time.Now()}
}

func (l *live) ownsLocked(partition int32) bool {
	return l.store != nil && l.run != nil && l.run.owns(partition)
}

func (r *liveRun) owns(partition int32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.owned[partition]
	return ok
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
		r, err := v.call(e)
		if err != nil {
			return r, err
		}
		r.Conflicting = q.Conflicts(e.GetCall().GetContent())
		return owned(r, q.Account)
	}
	s, err := v.Conversation(key)
	if err != nil {
		return schemas.CallResource{}, err
	}
	if s.Phase == conversation.New && !referred {
		return schemas.CallResource{}, fmt.Errorf("request %s: %w", q.ID, schemas.ErrUnknown)
	}
	p, ok, err := v.Outline(key, sequenceCode)
	if err != nil {
		return schemas.CallResource{}, err
	}
	if !ok || ref.Rejected || ended(s, sequenceCode) {
		_, conversationID, _ := key.Split()
		return schemas.CallResource{}, &schemas.RecordedError{
			As:   id,
			Part: schemas.Part{ConversationID: conversationID, SequenceCode: sequenceCode},
		}
	}
	r := v.open(key, s, p)
	r.Conflicting = q.Conflicts(p.Content)
	return owned(r, q.Account)
}

// owned hides what belongs to another account: request ids that producers chose may be the same in two of them.
func owned(r schemas.CallResource, account string) (schemas.CallResource, error) {
	if r.Account != account {
		return schemas.CallResource{}, schemas.ErrUnknown
	}
	return r, nil
}

// ended reports whether a part of a conversation has ended.
func ended(s conversation.State, sequenceCode int32) bool {
	return s.Phase == conversation.New || s.Phase == conversation.Ended ||
		s.Phase == conversation.Processing && sequenceCode < s.Turn.SequenceCode
}

// open is the status of a part that has not ended.
func (v *lookup) open(key schemas.ConversationKey, s conversation.State, p store.Outline) schemas.CallResource {
	r := schemas.CallResource{
		RequestID:           p.RequestID.String(),
		Account:             p.Account,
		ConversationID:      p.ConversationID,
		SequenceCode:        p.SequenceCode,
		CallsInConversation: s.Calls,
		Method:              p.Method,
		Status:              v.status(key, s, p.SequenceCode),
		Total:               p.Objects,
		Results:             []schemas.ResultResource{},
		AcceptedAt:          schemas.TimeOf(schemas.MilliOf(p.AcceptedAt)),
	}
	if s.Phase == conversation.Staging {
		r.Missing = s.Received.Missing(s.Calls, schemas.MissingMax)
		r.PartsExpireAt = schemas.TimeOf(schemas.MilliOf(s.Deadline))
	}
	if p.SequenceCode != s.Turn.SequenceCode {
		return r
	}
	r.StartedAt = schemas.TimeOf(schemas.MilliOf(s.Turn.StartedAt))
	r.Attempts = s.Turn.Attempt - 1
	switch r.Status {
	case schemas.Waiting:
		if at, ok := v.running.place(key, v.now); ok {
			at.show(&r)
		}
	case schemas.Executing:
		r.Attempts = s.Turn.Attempt
	case schemas.Deferred:
		r.Attempts = s.Turn.Attempt
		r.Processed = min(int(s.Turn.Progress), r.Total)
	}
	return r
}

// status is where a part stands that has not ended.
func (v *lookup) status(key schemas.ConversationKey, s conversation.State, sequenceCode int32) schemas.CallStatus {
	switch turn := s.Turn; {
	case s.Phase == conversation.Staging:
		return schemas.Staged
	case sequenceCode != turn.SequenceCode:
		return schemas.Waiting
	case !turn.AnswerBy.IsZero():
		return schemas.Deferred
	case !turn.LostAt.IsZero(), v.running.has(key):
		return schemas.Executing
	case turn.Attempt == 1 && turn.NotBefore.After(v.now):
		return schemas.Scheduled
	}
	return schemas.Waiting
}
