package conversation

import (
	"time"

	"parley/schemas"
)

// state returns the state that the list amounts to, without Received and Message, and the parts received.
func (h history) state() (State, []int32) {
	accepted := with[Accept](h)
	if len(accepted) == 0 {
		return State{}, nil
	}
	s := State{
		Phase:      h.phase(),
		Single:     accepted[0].Single,
		Calls:      accepted[0].Calls,
		AcceptedAt: accepted[0].At,
		StartedAt:  h.startedAt(),
	}
	received := make([]int32, 0, s.Calls)
	for k := range s.Calls {
		if h.held(k+1) != 0 {
			received = append(received, k+1)
		}
	}
	if len(received) == int(s.Calls) {
		s.Ready = accepted[len(accepted)-1].Offset
	}
	for _, e := range all[EndCall](h) {
		if e.Status == schemas.NotProcessed {
			continue
		}
		s.Processed++
		if e.Status != schemas.OK {
			s.Errors++
		}
	}
	switch s.Phase {
	case Staging:
		s.Deadline = h.deadline()
	case Processing:
		s.Turn, s.Attempt = h.awaited().sequenceCode, h.awaited().number
		executions := all[Execute](h)
		s.RetryAt = executions[len(executions)-1].NotBefore
	case Ended:
		s.Code = h.code()
		s.End = schemas.ConversationComplete
		if s.Code != "" {
			s.End = schemas.ConversationError
		}
	}
	return s, received
}

// startedAt is the beginning of the first attempt whose outcome had an effect.
func (h history) startedAt() time.Time {
	for _, e := range h.list {
		if o, ok := e.in.(OutcomeReceived); ok && len(e.effects) > 0 {
			return o.StartedAt
		}
	}
	return time.Time{}
}

// code is why the conversation ended in Error; empty: it ended Complete.
func (h history) code() schemas.Code {
	for _, e := range h.list {
		if len(of[EndConversation](e.effects)) == 0 {
			continue
		}
		switch in := e.in.(type) {
		case DecisionFailed:
			return schemas.Internal
		case OutcomeReceived:
			if fails(in.FailOn, statusOf(in.Outcome)) {
				return schemas.CallFailed
			}
			return ""
		case PartReceived:
			if code := of[Reject](e.effects)[0].Code; code != schemas.ConversationIDUsed {
				return code
			}
		}
		return schemas.PartTimeout
	}
	return ""
}
