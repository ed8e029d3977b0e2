package conversation

import (
	"fmt"
	"time"

	"parley/schemas"
)

// answerReceived takes the answer to the part in turn, whether its executor has deferred it yet or not: a call may be
// answered before its 202 was recorded, or while a repeated attempt is under way.
func (r Rules) answerReceived(s State, in AnswerReceived) (State, []Effect, error) {
	if s.Phase != Processing || in.SequenceCode != s.Turn.SequenceCode {
		return s, nil, nil
	}
	return r.callEnded(s.begun(in.At), in.Outcome, in.At, in.Ending)
}

func (s State) progressReceived(in ProgressReceived) (State, []Effect, error) {
	if s.Phase != Processing || in.SequenceCode != s.Turn.SequenceCode || s.Turn.AnswerBy.IsZero() {
		return s, nil, nil
	}
	s.Turn.Progress = max(s.Turn.Progress, in.Processed)
	return s, nil, nil
}

// unanswered happens at AnswerBy, whenever it is noticed.
func (r Rules) unanswered(s State, end Ending) (State, []Effect, error) {
	by := s.Turn.AnswerBy
	o := Outcome{Kind: Failed, Code: schemas.DeferredTimeout, Message: fmt.Sprintf("no answer came by %s", by.UTC().Format(time.RFC3339))}
	return r.callEnded(s, o, by, end)
}
