package conversation

import (
	"fmt"
	"time"

	"parley/schemas"
)

// Rules are what a conversation is held to.
type Rules struct {
	// PartTimeout is the longest time, in log time, between the arrivals of two new parts.
	PartTimeout time.Duration
	// KeepFailed is how long the unfinished parts of a conversation that failed are kept.
	KeepFailed time.Duration
	// KeepSingle is how long the id of a call without a ConversationID is remembered after its end, KeepConversation a
	// ConversationID. Zero: for ever.
	KeepSingle       time.Duration
	KeepConversation time.Duration
}

// Step applies one input to a conversation and says what must now happen. Equal arguments give equal results; s is
// not modified. A rejected call is an effect, not an error: an error is a defect of ours.
func (r Rules) Step(s State, in Input) (State, []Effect, error) {
	switch in := in.(type) {
	case PartReceived:
		return r.partReceived(s, in)
	case AttemptBegun:
		return r.attemptBegun(s, in)
	case AttemptLost:
		return r.attemptLost(s, in)
	case OutcomeReceived:
		return r.outcomeReceived(s, in)
	case AnswerReceived:
		return r.answerReceived(s, in)
	case ProgressReceived:
		return s.progressReceived(in)
	case CancelRequested:
		return r.cancelRequested(s, in)
	case ResubmitRequested:
		return s.resubmitRequested(in)
	case TimerDue:
		return r.timerDue(s, in)
	case ClockDue:
		return r.clockDue(s, in)
	case DecisionFailed:
		return r.decisionFailed(s, in)
	}
	return s, nil, fmt.Errorf("step: unknown input %T", in)
}

// timerDue ends the wait for a record that did not come in time: the next part, or a deferred call's answer. A timer that
// has been moved is stale.
func (r Rules) timerDue(s State, in TimerDue) (State, []Effect, error) {
	awaited := s.Awaited()
	if awaited.IsZero() || !in.At.After(awaited) {
		return s, nil, nil
	}
	if s.Phase == Processing {
		return r.unanswered(s, in.Ending)
	}
	s, effects := r.timeout(s)
	return s, effects, nil
}

// timeout happens at the deadline, whenever it is noticed.
func (r Rules) timeout(s State) (State, []Effect) {
	message := fmt.Sprintf("the next of %d parts did not arrive by %s", s.Calls, s.Deadline.UTC().Format(time.RFC3339))
	return r.fail(s, s.Deadline, schemas.PartTimeout, message)
}

// decisionFailed ends a conversation that we cannot go on with. What came of the part in turn nobody will tell: if it
// must not be repeated and has begun, no resubmission repeats it either.
func (r Rules) decisionFailed(s State, in DecisionFailed) (State, []Effect, error) {
	switch s.Phase {
	case Staging:
		s, effects := r.fail(s, in.At, schemas.Internal, in.Reason)
		return s, effects, nil
	case Processing:
		o := Outcome{Kind: Failed, Code: schemas.Internal, Message: in.Reason}
		if !s.Turn.LostAt.IsZero() {
			o.Code = schemas.OutcomeUnknown
		}
		s, call := s.endTurn(o, in.At)
		return r.failTurn(s, call, schemas.Internal, in.Reason)
	}
	return s, nil, nil
}

// fail ends the conversation in Error; the received parts behind the one in turn are not processed.
func (r Rules) fail(s State, at time.Time, code schemas.Code, message string) (State, []Effect) {
	first := s.Turn.SequenceCode + 1
	effects := s.endCalls(first, schemas.NotProcessed, code, message, at)
	ended := r.end(s, schemas.ConversationError, code, message, at)
	ended.Kept = r.kept(0, first, at, s.Calls)
	return ended, append(effects, EndConversation{At: at})
}

// kept are the payloads that a conversation which failed leaves: of the part that failed, if it may be repeated, and of
// those from sequence code from on.
func (r Rules) kept(failed, from int32, at time.Time, calls int32) Kept {
	if r.KeepFailed == 0 || failed == 0 && from > calls {
		return Kept{}
	}
	return Kept{From: from, Failed: failed, Until: at.Add(r.KeepFailed)}
}

// endCalls ends the received parts from sequence code first on, none of which was carried out.
func (s State) endCalls(first int32, status schemas.CallStatus, code schemas.Code, message string, at time.Time) []Effect {
	var effects []Effect
	for k := first; k <= s.Calls; k++ {
		if s.Received.Has(k) {
			effects = append(effects, EndCall{SequenceCode: k, Status: status, Code: code, Message: message, At: at})
		}
	}
	return effects
}

func (r Rules) end(s State, status schemas.ConversationStatus, code schemas.Code, message string, at time.Time) State {
	s.Phase, s.End, s.Code, s.Message, s.EndedAt = Ended, status, code, message, at
	s.Turn, s.Deadline, s.StartBy = Turn{}, time.Time{}, time.Time{}
	keep := r.KeepConversation
	if s.Single {
		keep = r.KeepSingle
	}
	if keep > 0 {
		s.ForgetAt = at.Add(keep)
	}
	return s
}
