package conversation

import (
	"fmt"
	"time"

	"parley/schemas"
)

// partReceived takes a call into its conversation, or says why not. The order of the checks is the order of what
// DESIGN section 3 says: a resend changes nothing; a used ConversationID comes before whatever else is wrong.
func (r Rules) partReceived(s State, in PartReceived) (State, []Effect, error) {
	if in.Refused || s.holds(in) {
		return s, []Effect{Resend{SequenceCode: in.SequenceCode}}, nil
	}
	if s.Phase == Staging && in.At.After(s.Deadline) {
		ended, effects := r.timeout(s)
		return ended, append(effects, ended.used(in)), nil
	}
	if s.Phase == Ended {
		return s, []Effect{s.used(in)}, nil
	}
	if in.Problem != nil {
		return s, []Effect{Reject{Code: in.Problem.Code, Message: in.Problem.Message(), At: in.At}}, nil
	}
	if s.Phase != New && in.Calls != s.Calls {
		return r.disagree(s, in, schemas.CallsInConversationMismatch,
			fmt.Sprintf("part %d says %d calls in the conversation, the first said %d", in.SequenceCode, in.Calls, s.Calls))
	}
	if s.Received.Has(in.SequenceCode) {
		return r.disagree(s, in, schemas.SequenceCodeConflict,
			fmt.Sprintf("part %d came twice with different content", in.SequenceCode))
	}
	return r.accept(s, in)
}

// holds reports whether the call is one that the conversation already has.
func (s State) holds(in PartReceived) bool {
	return s.Phase != New && (s.Single || in.Held != 0 && in.Held == in.Content)
}

func (s State) used(in PartReceived) Effect {
	return Reject{
		Code:    schemas.ConversationIDUsed,
		Message: fmt.Sprintf("the conversation ended %s before this part arrived; send it under a new conversationId", s.End),
		At:      in.At,
	}
}

// disagree rejects a part that contradicts the others. While nothing has been executed nobody can know which was
// meant, so the conversation ends with it.
func (r Rules) disagree(s State, in PartReceived, code schemas.Code, message string) (State, []Effect, error) {
	effects := []Effect{Reject{Code: code, Message: message, At: in.At}}
	if s.Phase == Staging {
		ended, more := r.fail(s, in.At, code, message)
		return ended, append(effects, more...), nil
	}
	return s, effects, nil
}

func (r Rules) accept(s State, in PartReceived) (State, []Effect, error) {
	if s.Phase == New {
		s = State{Phase: Staging, Single: in.Single, Calls: in.Calls, Priority: in.Priority, AcceptedAt: in.At, Continues: in.Continues}
	}
	s.Received = s.Received.With(in.SequenceCode)
	s.Priority = max(s.Priority, in.Priority)
	s.Scheduled = s.Scheduled || in.Scheduled
	s.Tells = s.Tells || in.Tells
	if !in.StartBy.IsZero() && (s.StartBy.IsZero() || in.StartBy.Before(s.StartBy)) {
		s.StartBy = in.StartBy
	}
	if due := in.At.Add(r.PartTimeout); due.After(s.Deadline) {
		s.Deadline = due
	}
	effects := []Effect{Accept{}}
	if s.Received.Count() < s.Calls {
		return s, effects, nil
	}
	s.Phase, s.Deadline = Processing, time.Time{}
	s.Ready, s.ReadyAt = in.Offset, in.At
	s.Turn = turnOf(1, in.First, in.At)
	return s, append(effects, s.InTurn()), nil
}

// turnOf is the turn of a part which comes at a time.
func turnOf(sequenceCode int32, n Next, now time.Time) Turn {
	t := Turn{SequenceCode: sequenceCode, Route: n.Route, Attempt: 1}
	if n.ScheduledAt.After(now) {
		t.NotBefore = n.ScheduledAt
	}
	return t
}
