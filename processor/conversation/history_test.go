package conversation

import (
	"slices"
	"time"

	"parley/schemas"
)

// history is the dumbest model of a conversation: a list of everything that happened. It keeps nothing else; what
// it must know in order to decide, it finds by reading the whole list again. Its effects carry no messages.
type history struct {
	rules Rules
	list  []happened
}

// happened is an input with the effects that it had.
type happened struct {
	in      Input
	effects []Effect
}

// all returns the effects of one kind, oldest first.
func all[E Effect](h history) []E {
	var out []E
	for _, e := range h.list {
		out = append(out, of[E](e.effects)...)
	}
	return out
}

func of[E Effect](effects []Effect) []E {
	var out []E
	for _, e := range effects {
		if e, ok := e.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

// with returns the calls that had an effect of one kind.
func with[E Effect](h history) []PartReceived {
	var out []PartReceived
	for _, e := range h.list {
		if p, ok := e.in.(PartReceived); ok && len(of[E](e.effects)) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// held is the content of the accepted part with a sequence code; zero: there is none.
func (h history) held(sequenceCode int32) uint64 {
	for _, p := range with[Accept](h) {
		if p.SequenceCode == sequenceCode {
			return p.Content
		}
	}
	return 0
}

// refused reports whether this very call was rejected before.
func (h history) refused(in PartReceived) bool {
	return slices.ContainsFunc(with[Reject](h), func(p PartReceived) bool {
		return p.SequenceCode == in.SequenceCode && p.Content == in.Content
	})
}

func (h history) phase() Phase {
	accepted := with[Accept](h)
	switch {
	case len(all[EndConversation](h)) > 0:
		return Ended
	case len(accepted) == 0:
		return New
	case len(accepted) < int(accepted[0].Calls):
		return Staging
	}
	return Processing
}

func (h history) deadline() time.Time {
	var latest time.Time
	for _, p := range with[Accept](h) {
		if p.At.After(latest) {
			latest = p.At
		}
	}
	return latest.Add(h.rules.PartTimeout)
}

// open returns the accepted parts that have not ended, in the order of their sequence codes.
func (h history) open() []int32 {
	var out []int32
	for _, p := range with[Accept](h) {
		out = append(out, p.SequenceCode)
	}
	for _, e := range all[EndCall](h) {
		out = slices.DeleteFunc(out, func(k int32) bool { return k == e.SequenceCode })
	}
	slices.Sort(out)
	return out
}

// decide returns the effects that an input must have now.
func (h history) decide(in Input) []Effect {
	switch in := in.(type) {
	case PartReceived:
		return h.decidePart(in)
	case OutcomeReceived:
		return h.decideOutcome(in)
	case TimerDue:
		if h.phase() == Staging && in.At.After(h.deadline()) {
			return fail(h.open(), schemas.PartTimeout, h.deadline())
		}
	case DecisionFailed:
		if h.phase() == Staging || h.phase() == Processing {
			return fail(h.open(), schemas.Internal, in.At)
		}
	}
	return nil
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
		return append(fail(h.open(), schemas.PartTimeout, h.deadline()), reject(schemas.ConversationIDUsed))
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
		return append([]Effect{reject(code)}, fail(h.open(), code, in.At)...)
	}
	if len(with[Accept](h))+1 < int(in.Calls) {
		return []Effect{Accept{}}
	}
	return []Effect{Accept{}, Execute{SequenceCode: 1, Attempt: 1}}
}

func (h history) decideOutcome(in OutcomeReceived) []Effect {
	if h.phase() != Processing || h.awaited() != (attempt{in.SequenceCode, in.Attempt}) {
		return nil
	}
	if in.Outcome.Kind == Transient && (in.Retry.MaxAttempts == 0 || in.Attempt < in.Retry.MaxAttempts) {
		pause := max(in.Retry.pause(in.Attempt, in.RequestID), in.Outcome.RetryAfter)
		return []Effect{Execute{SequenceCode: in.SequenceCode, Attempt: in.Attempt + 1, NotBefore: in.At.Add(pause)}}
	}
	status := statusOf(in.Outcome)
	ended := EndCall{
		SequenceCode: in.SequenceCode,
		Status:       status,
		Results:      in.Outcome.Results,
		Code:         in.Outcome.Code,
		Attempts:     in.Attempt,
		StartedAt:    in.StartedAt,
		At:           in.At,
	}
	open := h.open()[1:]
	switch {
	case fails(in.FailOn, status):
		return append([]Effect{ended}, fail(open, schemas.CallFailed, in.At)...)
	case len(open) == 0:
		return []Effect{ended, EndConversation{At: in.At}}
	}
	return []Effect{ended, Execute{SequenceCode: open[0], Attempt: 1}}
}

// attempt names one attempt of one part.
type attempt struct{ sequenceCode, number int32 }

// awaited is the attempt that was released last; zero: none was.
func (h history) awaited() attempt {
	executions := all[Execute](h)
	if len(executions) == 0 {
		return attempt{}
	}
	last := executions[len(executions)-1]
	return attempt{last.SequenceCode, last.Attempt}
}

func fail(open []int32, code schemas.Code, at time.Time) []Effect {
	var effects []Effect
	for _, k := range open {
		effects = append(effects, EndCall{SequenceCode: k, Status: schemas.NotProcessed, Code: code, At: at})
	}
	return append(effects, EndConversation{At: at})
}

// statusOf says what INTERFACES.md says of a call: OK all good, HasErrors some failed, Error all or as a whole.
func statusOf(o Outcome) schemas.CallStatus {
	good := slices.ContainsFunc(o.Results, func(r ObjectOutcome) bool { return !r.Failed })
	bad := slices.ContainsFunc(o.Results, func(r ObjectOutcome) bool { return r.Failed })
	switch {
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
	return status != schemas.OK
}
