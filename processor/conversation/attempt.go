package conversation

import (
	"time"

	"parley/schemas"
)

// attemptBegun makes the beginning of an attempt that must not be repeated a part of the state, before it begins.
func (r Rules) attemptBegun(s State, in AttemptBegun) (State, []Effect, error) {
	if !s.Awaits(in.SequenceCode, in.Attempt) || !s.Turn.LostAt.IsZero() {
		return s, nil, nil
	}
	if !s.StartBy.IsZero() && !in.At.Before(s.StartBy) {
		return r.expire(s, in.At)
	}
	s = s.begun(in.At)
	s.Turn.LostAt, s.Turn.NotBefore = in.LostAt, time.Time{}
	return s, []Effect{Begin{SequenceCode: in.SequenceCode, Attempt: in.Attempt}}, nil
}

func (r Rules) attemptLost(s State, in AttemptLost) (State, []Effect, error) {
	if !s.Awaits(in.SequenceCode, in.Attempt) || s.Turn.LostAt.IsZero() {
		return s, nil, nil
	}
	o := Outcome{Kind: Failed, Code: schemas.OutcomeUnknown, Message: "the call had begun and nobody knows what came of it; it is not repeated"}
	return r.callEnded(s, o, in.At, in.Ending)
}
