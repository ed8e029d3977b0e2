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
			s.Received.Count(), s.Calls, list(s.Received.Missing(s.Calls, schemas.MissingMax)), clock(s.Deadline)) + terms(s)
	case Processing:
		return fmt.Sprintf("Processing: part %d of %d, attempt %d", s.Turn.SequenceCode, s.Calls, s.Turn.Attempt) +
			turnWords(s.Turn) + terms(s) + counts(s)
	case Ended:
		words := fmt.Sprintf("Ended: %s", s.End)
		if s.Code != "" {
			words += fmt.Sprintf(", %s: %s", s.Code, s.Message)
		}
		return words + counts(s) + leftWords(s)
	}
	return s.Phase.String()
}

func turnWords(t Turn) string {
	switch {
	case !t.AnswerBy.IsZero() && t.Progress > 0:
		return fmt.Sprintf(" deferred, %d objects so far, answer by %s", t.Progress, clock(t.AnswerBy))
	case !t.AnswerBy.IsZero():
		return " deferred, answer by " + clock(t.AnswerBy)
	case !t.LostAt.IsZero():
		return " begun, lost at " + clock(t.LostAt)
	case !t.NotBefore.IsZero():
		return " from " + clock(t.NotBefore)
	}
	return ""
}

// terms are what the parts ask for as a whole.
func terms(s State) string {
	words := ""
	if s.Priority != schemas.Medium {
		words += ", priority " + map[schemas.Priority]string{schemas.Low: "Low", schemas.High: "High", schemas.Foremost: "Foremost"}[s.Priority]
	}
	if !s.StartBy.IsZero() {
		words += ", expires at " + clock(s.StartBy)
	}
	return words
}

func counts(s State) string {
	return fmt.Sprintf(" (%d processed, %d errors)", s.Processed, s.Errors)
}

// leftWords are what is left of a conversation after its end.
func leftWords(s State) string {
	words := ""
	if s.ContinuedBy != "" {
		words += ", continued by " + s.ContinuedBy
	}
	if parts := kept(s); len(parts) > 0 {
		words += fmt.Sprintf(", keeps %s until %s", list(parts), clock(s.Kept.Until))
	}
	if !s.ForgetAt.IsZero() {
		words += ", remembered until " + clock(s.ForgetAt)
	}
	return words
}

// kept lists the parts whose payloads are kept.
func kept(s State) []int32 {
	var out []int32
	for _, k := range received(s) {
		if s.Kept.Has(k) {
			out = append(out, k)
		}
	}
	return out
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
	case Begin:
		return fmt.Sprintf("begin part %d, attempt %d, now", e.SequenceCode, e.Attempt)
	case EndCall:
		return endCallWords(e)
	case EndConversation:
		return "end the conversation at " + clock(e.At)
	case Resubmit:
		return fmt.Sprintf("send what is kept from part %d on as %s", e.From, e.As)
	case Release:
		return "give up what was kept"
	case Forget:
		return "forget the conversation"
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
	switch {
	case r.Withheld:
		return "withheld"
	case !r.Failed:
		return "OK"
	}
	return fmt.Sprintf("Error %s", r.Code)
}

// inputWords names an input in the message of a failed test.
func inputWords(in Input) string {
	return strings.TrimPrefix(fmt.Sprintf("%T %+v", in, in), "conversation.")
}

func list(numbers []int32) string { return strings.Trim(fmt.Sprint(numbers), "[]") }

// clock tells the time of the day, and the day of January when it is not the first.
func clock(t time.Time) string {
	if t.YearDay() == 1 {
		return t.Format("15:04:05.999")
	}
	return t.Format("day 2 15:04:05.999")
}
