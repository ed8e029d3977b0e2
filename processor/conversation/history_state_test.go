package conversation

import "parley/schemas"

// state returns the state that the list amounts to, without Received and Message, and the parts received.
func (h history) state() (State, []int32) {
	accepted := with[Accept](h)
	if len(accepted) == 0 {
		return State{}, nil
	}
	first := accepted[0]
	s := State{
		Phase:      h.phase(),
		Single:     first.Single,
		Calls:      first.Calls,
		Priority:   first.Priority,
		StartBy:    h.startBy(),
		AcceptedAt: first.At,
		StartedAt:  h.firstStartedAt(),
		Turn:       h.turn(),
		Continues:  first.Continues,
	}
	for _, p := range accepted {
		s.Priority = max(s.Priority, p.Priority)
		s.Scheduled = s.Scheduled || p.Scheduled
	}
	received := make([]int32, 0, s.Calls)
	for k := range s.Calls {
		if h.held(k+1) != 0 {
			received = append(received, k+1)
		}
	}
	if len(received) == int(s.Calls) {
		last := accepted[len(accepted)-1]
		s.Ready, s.ReadyAt = last.Offset, last.At
	}
	for _, e := range all[EndCall](h) {
		switch e.Status {
		case schemas.HasErrors, schemas.Error:
			s.Errors++
			s.Processed++
		case schemas.OK:
			s.Processed++
		}
	}
	switch s.Phase {
	case Staging:
		s.Deadline = h.deadline()
	case Ended:
		s.End, s.Code = h.end()
		s.EndedAt, s.ContinuedBy = h.endedAt(), h.continuedBy()
		s.Kept, s.ForgetAt = h.kept(), h.forgetAt()
	}
	return s, received
}

// end tells how the conversation ended; empty: it has not.
func (h history) end() (schemas.ConversationStatus, schemas.Code) {
	for _, e := range h.list {
		if len(of[EndConversation](e.effects)) == 0 {
			continue
		}
		calls := of[EndCall](e.effects)
		last := calls[len(calls)-1]
		_, defect := e.in.(DecisionFailed)
		switch {
		case last.Status == schemas.Cancelled && last.Code != schemas.Erased:
			return schemas.ConversationCancelled, last.Code
		case last.Status == schemas.Expired:
			return schemas.ConversationExpired, last.Code
		case last.Status == schemas.NotProcessed:
			return schemas.ConversationError, last.Code
		case defect:
			return schemas.ConversationError, schemas.Internal
		case fails(endingIn(e.in).FailOn, last.Status):
			return schemas.ConversationError, schemas.CallFailed
		}
		return schemas.ConversationComplete, ""
	}
	return "", ""
}
