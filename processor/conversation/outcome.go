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
)

// Outcome is what an executor says of one attempt.
type Outcome struct {
	Kind Kind
	// Results has one entry per object of the call, in their order. Empty unless Answered.
	Results []ObjectOutcome
	// Code and Message say what went wrong. Empty when Answered.
	Code    schemas.Code
	Message string
	// RetryAfter is how long the backend asks to be left alone; zero: it does not say.
	RetryAfter time.Duration
}

// ObjectOutcome is the outcome of one object; the zero value is a success.
type ObjectOutcome struct {
	Failed  bool
	Code    schemas.Code
	Message string
}

// Status is the status of a call with this outcome, which is not Transient.
func (o Outcome) Status() schemas.CallStatus {
	failed := 0
	for _, r := range o.Results {
		if r.Failed {
			failed++
		}
	}
	switch {
	case o.Kind == Failed, failed > 0 && failed == len(o.Results):
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

func (s State) outcomeReceived(in OutcomeReceived) (State, []Effect, error) {
	if s.Phase != Processing || in.SequenceCode != s.Turn || in.Attempt != s.Attempt {
		return s, nil, nil // of an attempt that is not awaited any more
	}
	if s.StartedAt.IsZero() {
		s.StartedAt = in.StartedAt
	}
	if in.Outcome.Kind == Transient {
		if in.Retry.MaxAttempts == 0 || in.Attempt < in.Retry.MaxAttempts {
			return s.again(in)
		}
		in.Outcome.Kind = Failed
		in.Outcome.Message = fmt.Sprintf("given up after %d attempts: %s", in.Attempt, in.Outcome.Message)
	}
	return s.callEnded(in)
}

func (s State) again(in OutcomeReceived) (State, []Effect, error) {
	s.RetryAt = in.At.Add(max(in.Retry.pause(in.Attempt, in.RequestID), in.Outcome.RetryAfter))
	s.Attempt++
	return s, []Effect{s.execute()}, nil
}

func (s State) callEnded(in OutcomeReceived) (State, []Effect, error) {
	status := in.Outcome.Status()
	s.Processed++
	if status != schemas.OK {
		s.Errors++
	}
	ended := EndCall{
		SequenceCode: s.Turn,
		Status:       status,
		Results:      in.Outcome.Results,
		Code:         in.Outcome.Code,
		Message:      in.Outcome.Message,
		Attempts:     in.Attempt,
		StartedAt:    in.StartedAt,
		At:           in.At,
	}
	if in.FailOn.Fails(status) {
		failed, effects := s.fail(in.At, schemas.CallFailed, fmt.Sprintf("part %d ended %s", s.Turn, status), s.Turn+1)
		return failed, append([]Effect{ended}, effects...), nil
	}
	if s.Turn == s.Calls {
		return s.end(schemas.ConversationComplete, "", ""), []Effect{ended, EndConversation{At: in.At}}, nil
	}
	s.Turn, s.Attempt, s.RetryAt = s.Turn+1, 1, time.Time{}
	return s, []Effect{ended, s.execute()}, nil
}
