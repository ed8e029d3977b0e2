package conversation

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"

	"parley/schemas"
)

// Kind is what sort of answer an attempt had.
type Kind int

const (
	// Answered is an answer with a result for each object.
	Answered Kind = iota
	// Failed is a final answer for the call as a whole.
	Failed
	// Transient is no answer: nothing is known to be wrong with the call, try again.
	Transient
	// Deferred says that the answer comes later, from whoever holds the call's token.
	Deferred
	// Withheld says that there was no attempt: all objects of the call have been erased.
	Withheld
)

// Outcome is what an executor says of one attempt.
type Outcome struct {
	Kind Kind
	// Results has one entry per object of the call, in their order. Empty unless Answered.
	Results []ObjectOutcome
	// Code and Message say what went wrong: with the call, or (when Answered) with all its objects alike. Empty if nothing
	// did.
	Code    schemas.Code
	Message string
	// RetryAfter is how long the backend asks to be left alone; zero: it does not say.
	RetryAfter time.Duration
	// Unsent is set when it is proven that nothing of a Transient attempt was handed over, so that even a call which must
	// not be repeated may be tried again.
	Unsent bool
}

// ObjectOutcome is the outcome of one object; the zero value is a success.
type ObjectOutcome struct {
	Failed  bool
	Code    schemas.Code
	Message string
	// Withheld is set for an object that had been erased when the attempt began, and was no part of it.
	Withheld bool
}

// Status is the status of a call with this outcome, which is Answered, Failed or Withheld. Objects that were withheld are
// neither well nor failed.
func (o Outcome) Status() schemas.CallStatus {
	failed, withheld := 0, 0
	for _, r := range o.Results {
		switch {
		case r.Withheld:
			withheld++
		case r.Failed:
			failed++
		}
	}
	switch {
	case o.Kind == Withheld:
		return schemas.Cancelled
	case o.Kind == Failed, failed > 0 && failed+withheld == len(o.Results):
		return schemas.Error
	case failed > 0:
		return schemas.HasErrors
	}
	return schemas.OK
}

// Retry is how a route repeats what failed for the moment. The zero value repeats at once and for ever.
type Retry struct {
	// Initial is the pause after the first attempt; it doubles from one to the next.
	Initial time.Duration
	// Max bounds the pause, whatever Initial says.
	Max time.Duration
	// MaxAttempts bounds the attempts; zero: until there is an answer.
	MaxAttempts int32
}

// pause is the time to wait after an attempt (from 1): exponential, ±20 % by id and attempt, so that what failed
// together does not come back together. At Max the spread is below it.
func (r Retry) pause(attempt int32, id schemas.RequestID) time.Duration {
	d := min(r.Initial, r.Max)
	for i := int32(1); i < attempt && 0 < d && d < r.Max; i++ {
		d += min(d, r.Max-d)
	}
	shortest := d - d/5
	spread := min(d/5*2, r.Max-shortest)
	h := binary.LittleEndian.Uint64(id[8:]) ^ binary.LittleEndian.Uint64(id[:8])
	part, _ := bits.Mul64((h+uint64(attempt))*0x9e3779b97f4a7c15, uint64(spread))
	return shortest + time.Duration(part)
}

// Awaits reports whether an attempt is the one that the conversation waits for.
func (s State) Awaits(sequenceCode, attempt int32) bool {
	return s.Phase == Processing && s.Turn.SequenceCode == sequenceCode && s.Turn.Attempt == attempt && s.Turn.AnswerBy.IsZero()
}

func (r Rules) outcomeReceived(s State, in OutcomeReceived) (State, []Effect, error) {
	if !s.Awaits(in.SequenceCode, in.Attempt) {
		return s, nil, nil // of an attempt that is not awaited any more
	}
	o := in.Outcome
	if o.Kind == Withheld {
		s.StartBy = time.Time{} // it has come to its first part in time
		return r.callEnded(s, o, in.At, in.Ending)
	}
	s = s.begun(in.StartedAt)
	switch {
	case o.Kind == Deferred:
		s.Turn.AnswerBy, s.Turn.NotBefore = in.AnswerBy, time.Time{}
		return s, nil, nil
	case o.Kind == Transient && !s.Turn.LostAt.IsZero() && !o.Unsent:
		o = Outcome{Kind: Failed, Code: schemas.OutcomeUnknown, Message: "the call may have been carried out, and is not repeated: " + o.Message}
	case o.Kind == Transient && (in.Retry.MaxAttempts == 0 || in.Attempt < in.Retry.MaxAttempts):
		return s.again(in)
	case o.Kind == Transient:
		o.Kind = Failed
		o.Message = fmt.Sprintf("given up after %d attempts: %s", in.Attempt, o.Message)
	}
	return r.callEnded(s, o, in.At, in.Ending)
}

// begun takes note that an attempt of the part in turn has begun.
func (s State) begun(at time.Time) State {
	s.StartBy = time.Time{}
	if s.Turn.StartedAt.IsZero() {
		s.Turn.StartedAt = at
	}
	if s.StartedAt.IsZero() {
		s.StartedAt = at
	}
	return s
}

func (s State) again(in OutcomeReceived) (State, []Effect, error) {
	s.Turn.NotBefore = in.At.Add(max(in.Retry.pause(in.Attempt, in.RequestID), in.Outcome.RetryAfter))
	s.Turn.LostAt = time.Time{}
	s.Turn.Attempt++
	return s, []Effect{s.InTurn()}, nil
}

// callEnded ends the part in turn with an outcome that is Answered, Failed or Withheld, and goes on to the next.
func (r Rules) callEnded(s State, o Outcome, at time.Time, end Ending) (State, []Effect, error) {
	s, call := s.endTurn(o, at)
	k := call.SequenceCode
	if end.FailOn.Fails(call.Status) {
		return r.failTurn(s, call, schemas.CallFailed, fmt.Sprintf("part %d ended %s", k, call.Status))
	}
	if k == s.Calls {
		return r.end(s, schemas.ConversationComplete, "", "", at), []Effect{call, EndConversation{At: at}}, nil
	}
	s.Turn = turnOf(k+1, end.Following, at)
	return s, []Effect{call, s.InTurn()}, nil
}

// endTurn counts the part in turn as carried out, unless its objects were withheld.
func (s State) endTurn(o Outcome, at time.Time) (State, EndCall) {
	call := EndCall{
		SequenceCode: s.Turn.SequenceCode,
		Status:       o.Status(),
		Results:      o.Results,
		Code:         o.Code,
		Message:      o.Message,
		Attempts:     s.Turn.Attempt,
		StartedAt:    s.Turn.StartedAt,
		At:           at,
	}
	if o.Kind == Withheld {
		call.Code, call.Message = schemas.Erased, "all of its objects have been erased"
		call.Attempts--
		return s, call
	}
	s.Processed++
	if call.Status != schemas.OK {
		s.Errors++
	}
	return s, call
}

// failTurn ends the conversation with the part in turn, which may be repeated unless nobody knows what came of it.
func (r Rules) failTurn(s State, call EndCall, code schemas.Code, message string) (State, []Effect, error) {
	failed, effects := r.fail(s, call.At, code, message)
	unanswered := call.Code == schemas.DeferredTimeout && !s.Turn.LostAt.IsZero()
	if k := call.SequenceCode; call.Code != schemas.OutcomeUnknown && !unanswered {
		failed.Kept = r.kept(k, k+1, call.At, s.Calls)
	}
	return failed, append([]Effect{call}, effects...), nil
}
