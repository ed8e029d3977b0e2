package conversation

import (
	"slices"
	"time"

	"parley/schemas"
)

// decide returns the effects that an input must have now, and whether it is stale: then it has none, and changes
// nothing.
func (h history) decide(in Input) (effects []Effect, stale bool) {
	if h.stale(in) {
		return nil, true
	}
	switch in := in.(type) {
	case PartReceived:
		effects = h.decidePart(in)
	case AttemptBegun:
		effects = h.decideBegun(in)
	case AttemptLost:
		effects = h.endTurn(in, Outcome{Kind: Failed, Code: schemas.OutcomeUnknown}, in.At)
	case OutcomeReceived:
		effects = h.decideOutcome(in)
	case AnswerReceived:
		effects = h.endTurn(in, in.Outcome, in.At)
	case CancelRequested:
		effects = finish(h.open(), schemas.Cancelled, schemas.CodeCancelled, in.At)
	case ResubmitRequested:
		effects = []Effect{Resubmit{As: in.As, From: h.resubmitted(in)}}
	case TimerDue:
		effects = h.decideTimer(in)
	case ClockDue:
		effects = h.decideClock(in)
	case DecisionFailed:
		effects = h.decideDefect(in)
	}
	return effects, false
}

// stale reports whether an input asks for what cannot be, or tells what nobody waits for.
func (h history) stale(in Input) bool {
	turn := h.turn()
	switch in := in.(type) {
	case AttemptBegun:
		return !h.awaits(in.SequenceCode, in.Attempt) || !turn.LostAt.IsZero()
	case AttemptLost:
		return !h.awaits(in.SequenceCode, in.Attempt) || turn.LostAt.IsZero()
	case OutcomeReceived:
		return !h.awaits(in.SequenceCode, in.Attempt)
	case AnswerReceived:
		return h.phase() != Processing || turn.SequenceCode != in.SequenceCode
	case ProgressReceived:
		return turn.SequenceCode != in.SequenceCode || turn.AnswerBy.IsZero()
	case CancelRequested:
		return !h.untouched(in.Begun)
	case ResubmitRequested:
		return h.resubmitted(in) == 0
	case TimerDue:
		awaited := h.awaited()
		return awaited.IsZero() || !in.At.After(awaited)
	case ClockDue:
		wake := h.wake()
		return wake.IsZero() || in.At.Before(wake)
	case DecisionFailed:
		return h.phase() != Staging && h.phase() != Processing
	}
	return false
}

func (h history) decidePart(in PartReceived) []Effect {
	reject := func(code schemas.Code) Effect { return Reject{Code: code, At: in.At} }
	same := h.held(in.SequenceCode) == in.Content || h.refused(in)
	switch phase := h.phase(); {
	case same, in.Single && phase != New:
		return []Effect{Resend{SequenceCode: in.SequenceCode}}
	case phase == Ended:
		return []Effect{reject(schemas.ConversationIDUsed)}
	case phase == Staging && in.At.After(h.deadline()):
		timeout := finish(h.open(), schemas.NotProcessed, schemas.PartTimeout, h.deadline())
		return append(timeout, reject(schemas.ConversationIDUsed))
	case in.Problem != nil:
		return []Effect{reject(in.Problem.Code)}
	case phase != New && (in.Calls != with[Accept](h)[0].Calls || h.held(in.SequenceCode) != 0):
		code := schemas.SequenceCodeConflict
		if in.Calls != with[Accept](h)[0].Calls {
			code = schemas.CallsInConversationMismatch
		}
		if phase == Processing {
			return []Effect{reject(code)}
		}
		return append([]Effect{reject(code)}, finish(h.open(), schemas.NotProcessed, code, in.At)...)
	}
	if len(with[Accept](h))+1 < int(in.Calls) {
		return []Effect{Accept{}}
	}
	return []Effect{Accept{}, Execute{SequenceCode: 1, Attempt: 1, NotBefore: notBefore(in.First, in.At)}}
}

func (h history) decideBegun(in AttemptBegun) []Effect {
	if by := h.startBy(); !by.IsZero() && !in.At.Before(by) {
		return finish(h.open(), schemas.Expired, schemas.StartByPassed, in.At)
	}
	return []Effect{Begin{SequenceCode: in.SequenceCode, Attempt: in.Attempt}}
}

func (h history) decideOutcome(in OutcomeReceived) []Effect {
	o := in.Outcome
	switch {
	case o.Kind == Deferred:
		return nil
	case o.Kind == Transient && !h.turn().LostAt.IsZero() && !o.Unsent:
		o.Code = schemas.OutcomeUnknown
	case o.Kind == Transient && (in.Retry.MaxAttempts == 0 || in.Attempt < in.Retry.MaxAttempts):
		pause := max(in.Retry.pause(in.Attempt, in.RequestID), o.RetryAfter)
		return []Effect{Execute{SequenceCode: in.SequenceCode, Attempt: in.Attempt + 1, NotBefore: in.At.Add(pause)}}
	}
	return h.endTurn(in, o, in.At)
}

func (h history) decideTimer(in TimerDue) []Effect {
	if h.phase() == Staging {
		return finish(h.open(), schemas.NotProcessed, schemas.PartTimeout, h.deadline())
	}
	return h.endTurn(in, Outcome{Kind: Failed, Code: schemas.DeferredTimeout}, h.turn().AnswerBy)
}

func (h history) decideClock(in ClockDue) []Effect {
	switch {
	case h.phase() == Ended && h.kept().From > 0:
		return []Effect{Release{}}
	case h.phase() == Ended:
		return []Effect{Forget{}}
	case h.untouched(in.Begun):
		return finish(h.open(), schemas.Expired, schemas.StartByPassed, in.At)
	}
	return nil
}

// decideDefect ends the part in turn, if there is one: it may be under way.
func (h history) decideDefect(in DecisionFailed) []Effect {
	if h.phase() == Staging {
		return finish(h.open(), schemas.NotProcessed, schemas.Internal, in.At)
	}
	o := Outcome{Kind: Failed, Code: schemas.Internal}
	if !h.turn().LostAt.IsZero() {
		o.Code = schemas.OutcomeUnknown
	}
	return append([]Effect{h.endCall(in, o, in.At)}, finish(h.open()[1:], schemas.NotProcessed, schemas.Internal, in.At)...)
}

// endTurn ends the part in turn, and tells what comes after it.
func (h history) endTurn(in Input, o Outcome, at time.Time) []Effect {
	ended, open, end := h.endCall(in, o, at), h.open()[1:], endingIn(in)
	switch {
	case fails(end.FailOn, ended.Status):
		return append([]Effect{ended}, finish(open, schemas.NotProcessed, schemas.CallFailed, at)...)
	case len(open) == 0:
		return []Effect{ended, EndConversation{At: at}}
	}
	return []Effect{ended, Execute{SequenceCode: open[0], Attempt: 1, NotBefore: notBefore(end.Following, at)}}
}

func (h history) endCall(in Input, o Outcome, at time.Time) EndCall {
	t := h.turn()
	if o.Kind == Withheld {
		o.Code, t.Attempt = schemas.Erased, t.Attempt-1
	}
	return EndCall{
		SequenceCode: t.SequenceCode,
		Status:       statusOf(o),
		Results:      o.Results,
		Code:         o.Code,
		Attempts:     t.Attempt,
		StartedAt:    h.after(in).startedAt(t.SequenceCode),
		At:           at,
	}
}

// resubmitted is the part from which on the conversation is resubmitted; zero: it is not.
func (h history) resubmitted(in ResubmitRequested) int32 {
	kept := h.kept()
	from := kept.From
	if in.IncludeFailed && kept.Failed > 0 {
		from = kept.Failed
	}
	if from == 0 || h.continuedBy() != "" || from > with[Accept](h)[0].Calls {
		return 0
	}
	return from
}

// wake is when the clock has something to say; zero: never.
func (h history) wake() time.Time {
	switch {
	case h.phase() == Ended && h.kept().From > 0:
		return h.kept().Until
	case h.phase() == Ended:
		return h.forgetAt()
	}
	return h.startBy()
}

// awaited is when the next part, or an answer, must be there; zero: none is waited for.
func (h history) awaited() time.Time {
	if h.phase() == Staging {
		return h.deadline()
	}
	return h.turn().AnswerBy
}

// finish ends the conversation with the parts that are open.
func finish(open []int32, status schemas.CallStatus, code schemas.Code, at time.Time) []Effect {
	var effects []Effect
	for _, k := range open {
		effects = append(effects, EndCall{SequenceCode: k, Status: status, Code: code, At: at})
	}
	return append(effects, EndConversation{At: at})
}

// notBefore is when a part whose turn comes may begin; zero: at once.
func notBefore(n Next, now time.Time) time.Time {
	if n.ScheduledAt.After(now) {
		return n.ScheduledAt
	}
	return time.Time{}
}

// statusOf says what INTERFACES.md says of a call: OK all good, HasErrors some failed, Error all or as a whole; of those
// objects that were carried out, and Cancelled when none was.
func statusOf(o Outcome) schemas.CallStatus {
	good := slices.ContainsFunc(o.Results, func(r ObjectOutcome) bool { return !r.Failed && !r.Withheld })
	bad := slices.ContainsFunc(o.Results, func(r ObjectOutcome) bool { return r.Failed })
	switch {
	case o.Kind == Withheld:
		return schemas.Cancelled
	case o.Kind != Answered, bad && !good:
		return schemas.Error
	case bad:
		return schemas.HasErrors
	}
	return schemas.OK
}

func fails(failOn schemas.FailOn, status schemas.CallStatus) bool {
	switch failOn {
	case schemas.FailOnNever:
		return false
	case schemas.FailOnError:
		return status == schemas.Error
	}
	return status == schemas.HasErrors || status == schemas.Error
}
