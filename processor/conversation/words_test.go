package conversation

import (
	"fmt"
	"strings"
	"time"

	"parley/schemas"
)

// stateWords tells a state in one line.
func stateWords(s State) string {
	switch s.Phase {
	case Staging:
		return fmt.Sprintf("Staging: %d of %d parts, missing %s, the next by %s",
			s.Received.Count(), s.Calls, list(s.Received.Missing(s.Calls, schemas.MissingMax)), clock(s.Deadline))
	case Processing:
		words := fmt.Sprintf("Processing: part %d of %d, attempt %d", s.Turn, s.Calls, s.Attempt)
		if !s.RetryAt.IsZero() {
			words += " from " + clock(s.RetryAt)
		}
		return words + counts(s)
	case Ended:
		words := fmt.Sprintf("Ended: %s", s.End)
		if s.Code != "" {
			words += fmt.Sprintf(", %s: %s", s.Code, s.Message)
		}
		return words + counts(s)
	}
	return s.Phase.String()
}

func counts(s State) string {
	return fmt.Sprintf(" (%d processed, %d errors)", s.Processed, s.Errors)
}

// effectsWords tells each effect in a line of its own.
func effectsWords(effects []Effect) string {
	if len(effects) == 0 {
		return "  nothing to do\n"
	}
	var b strings.Builder
	for _, e := range effects {
		fmt.Fprintf(&b, "  %s\n", effectWords(e))
	}
	return b.String()
}

func effectWords(e Effect) string {
	switch e := e.(type) {
	case Accept:
		return "accept it"
	case Resend:
		return fmt.Sprintf("it is part %d again", e.SequenceCode)
	case Reject:
		return fmt.Sprintf("reject it at %s, %s: %s", clock(e.At), e.Code, e.Message)
	case Execute:
		return executeWords(e)
	case EndCall:
		return endCallWords(e)
	case EndConversation:
		return "end the conversation at " + clock(e.At)
	}
	return fmt.Sprintf("%T", e)
}

func executeWords(e Execute) string {
	words := fmt.Sprintf("execute part %d", e.SequenceCode)
	if e.Attempt > 1 {
		words += fmt.Sprintf(", attempt %d", e.Attempt)
	}
	if !e.NotBefore.IsZero() {
		words += ", not before " + clock(e.NotBefore)
	}
	return words
}

func endCallWords(e EndCall) string {
	words := fmt.Sprintf("end part %d at %s: %s", e.SequenceCode, clock(e.At), e.Status)
	for i, r := range e.Results {
		words += fmt.Sprintf(", object %d %s", i, objectWords(r))
	}
	if e.Code != "" {
		words += fmt.Sprintf(", %s: %s", e.Code, e.Message)
	}
	if e.Attempts > 1 {
		words += fmt.Sprintf(", after %d attempts", e.Attempts)
	}
	return words
}

func objectWords(r ObjectOutcome) string {
	if !r.Failed {
		return "OK"
	}
	return fmt.Sprintf("Error %s", r.Code)
}

// inputWords names an input in the message of a failed test.
func inputWords(in Input) string {
	switch in := in.(type) {
	case PartReceived:
		return fmt.Sprintf("part %d of %d, content %x, at %s", in.SequenceCode, in.Calls, in.Content, clock(in.At))
	case OutcomeReceived:
		return fmt.Sprintf("outcome of part %d, attempt %d, at %s: %+v", in.SequenceCode, in.Attempt, clock(in.At), in.Outcome)
	case TimerDue:
		return "timer due at " + clock(in.At)
	case DecisionFailed:
		return fmt.Sprintf("decision failed at %s: %s", clock(in.At), in.Reason)
	}
	return fmt.Sprintf("%T", in)
}

func list(numbers []int32) string { return strings.Trim(fmt.Sprint(numbers), "[]") }

func clock(t time.Time) string { return t.Format("15:04:05.999") }
