package conversation

import (
	"fmt"
	"time"

	"parley/schemas"
)

// cancelRequested ends a conversation of which nothing has been executed. Else it changes nothing, which the state
// tells who asked.
func (r Rules) cancelRequested(s State, in CancelRequested) (State, []Effect, error) {
	if !s.untouched(in.Begun) {
		return s, nil, nil
	}
	return r.endUntouched(s, schemas.ConversationCancelled, schemas.Cancelled, schemas.CodeCancelled, "the conversation was cancelled", in.At)
}

// untouched reports whether no attempt has begun. begun is what the owner knows of the one that the state waits for.
func (s State) untouched(begun bool) bool {
	if s.Phase == Staging {
		return true
	}
	t := s.Turn
	return s.Phase == Processing && !begun && t.SequenceCode == 1 && t.Attempt == 1 && t.LostAt.IsZero() && t.AnswerBy.IsZero()
}

// clockDue does what the owner's clock asks for. A conversation that has moved on is left alone.
func (r Rules) clockDue(s State, in ClockDue) (State, []Effect, error) {
	wake := s.Wake()
	if wake.IsZero() || in.At.Before(wake) {
		return s, nil, nil
	}
	switch {
	case s.Phase == Ended && s.Kept.From > 0:
		s.Kept = Kept{}
		return s, []Effect{Release{}}, nil
	case s.Phase == Ended:
		return State{}, []Effect{Forget{}}, nil
	case s.untouched(in.Begun):
		return r.expire(s, in.At)
	}
	s.StartBy = time.Time{} // it has begun in time
	return s, nil, nil
}

// expire ends a conversation that has not begun by StartBy.
func (r Rules) expire(s State, at time.Time) (State, []Effect, error) {
	message := fmt.Sprintf("the conversation had not begun by %s", s.StartBy.UTC().Format(time.RFC3339))
	return r.endUntouched(s, schemas.ConversationExpired, schemas.Expired, schemas.StartByPassed, message, at)
}

// endUntouched ends a conversation and all its parts, none of which was carried out.
func (r Rules) endUntouched(s State, end schemas.ConversationStatus, status schemas.CallStatus, code schemas.Code, message string, at time.Time) (State, []Effect, error) {
	effects := s.endCalls(1, status, code, message, at)
	return r.end(s, end, code, message, at), append(effects, EndConversation{At: at}), nil
}
