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
}

// Step applies one input to a conversation and says what must now happen. Equal arguments give equal results; s is
// not modified. A rejected call is an effect, not an error: an error is a defect of ours.
func (r Rules) Step(s State, in Input) (State, []Effect, error) {
	switch in := in.(type) {
	case PartReceived:
		return r.partReceived(s, in)
	case OutcomeReceived:
		return s.outcomeReceived(in)
	case TimerDue:
		return s.timerDue(in)
	case DecisionFailed:
		return s.decisionFailed(in)
	}
	return s, nil, fmt.Errorf("step: unknown input %T", in)
}

// timerDue ends a conversation whose next part did not come in time. A timer that a part has moved is stale.
func (s State) timerDue(in TimerDue) (State, []Effect, error) {
	if s.Phase != Staging || !in.At.After(s.Deadline) {
		return s, nil, nil
	}
	s, effects := s.timeout()
	return s, effects, nil
}

// timeout happens at the deadline, whenever it is noticed.
func (s State) timeout() (State, []Effect) {
	message := fmt.Sprintf("the next of %d parts did not arrive by %s", s.Calls, s.Deadline.UTC().Format(time.RFC3339))
	return s.fail(s.Deadline, schemas.PartTimeout, message, 1)
}

func (s State) decisionFailed(in DecisionFailed) (State, []Effect, error) {
	if s.Phase == New || s.Phase == Ended {
		return s, nil, nil
	}
	s, effects := s.fail(in.At, schemas.Internal, in.Reason, max(1, s.Turn))
	return s, effects, nil
}

// execute is the attempt that the state now waits for.
func (s State) execute() Effect {
	return Execute{SequenceCode: s.Turn, Attempt: s.Attempt, NotBefore: s.RetryAt}
}

// fail ends the conversation in Error; the received parts from sequence code first on are not processed.
func (s State) fail(at time.Time, code schemas.Code, message string, first int32) (State, []Effect) {
	var effects []Effect
	for k := first; k <= s.Calls; k++ {
		if s.Received.Has(k) {
			effects = append(effects, EndCall{SequenceCode: k, Status: schemas.NotProcessed, Code: code, Message: message, At: at})
		}
	}
	return s.end(schemas.ConversationError, code, message), append(effects, EndConversation{At: at})
}

func (s State) end(status schemas.ConversationStatus, code schemas.Code, message string) State {
	s.Phase, s.End, s.Code, s.Message = Ended, status, code, message
	s.Turn, s.Attempt = 0, 0
	s.Deadline, s.RetryAt = time.Time{}, time.Time{}
	return s
}
