package conversation

import (
	"slices"

	"pgregory.net/rapid"

	"parley/schemas"
)

// ledger counts the effects of a conversation's whole life, and refuses one that must not happen (DESIGN section 7).
type ledger struct {
	calls    int32
	accepted []int32
	ended    []int32
	// again are the ended parts that a resubmission may repeat.
	again   []int32
	awaited attempt
	// begun is set while the attempt that is awaited must not be repeated, and has begun.
	begun       bool
	over        bool
	resubmitted bool
	released    bool
}

// attempt names one attempt of one part.
type attempt struct{ sequenceCode, number int32 }

func checkLedger(t rapid.TB, h history, s State) {
	t.Helper()
	l := ledger{calls: s.Calls}
	for _, happened := range h.list {
		for _, e := range happened.effects {
			if wrong := l.enter(happened.in, e); wrong != "" {
				t.Fatalf("%s\n%s: %s", inputWords(happened.in), effectWords(e), wrong)
			}
		}
	}
	if l.over != (s.Phase == Ended) {
		t.Fatalf("%s, and its end is recorded: %t", stateWords(s), l.over)
	}
}

// enter adds an effect and returns what is wrong with it.
func (l *ledger) enter(in Input, e Effect) (wrong string) {
	switch e := e.(type) {
	case Resend, Reject:
		return ""
	case Resubmit:
		return l.resubmit(e)
	case Release:
		if !l.over || l.released {
			return "nothing is kept"
		}
		l.released = true
		return ""
	}
	if l.over {
		return "the conversation has ended"
	}
	switch e := e.(type) {
	case Accept:
		l.accepted = append(l.accepted, in.(PartReceived).SequenceCode)
	case Execute:
		return l.execute(in, attempt{e.SequenceCode, e.Attempt})
	case Begin:
		if l.begun || l.awaited != (attempt{e.SequenceCode, e.Attempt}) {
			return "it has begun before, or is not awaited"
		}
		l.begun = true
	case EndCall:
		return l.endCall(e)
	case EndConversation:
		l.over = true
		slices.Sort(l.accepted)
		if !slices.Equal(l.accepted, l.ended) {
			return "not every accepted part has ended"
		}
	}
	return ""
}

func (l *ledger) execute(in Input, a attempt) (wrong string) {
	if len(l.accepted) != int(l.calls) {
		return "not all parts have arrived"
	}
	again := attempt{l.awaited.sequenceCode, l.awaited.number + 1}
	next := attempt{l.awaited.sequenceCode + 1, 1}
	ended := len(l.ended) == int(l.awaited.sequenceCode)
	if a != next && a != again || ended != (a == next) {
		return "another part or attempt is in turn"
	}
	if a == again && l.begun && !in.(OutcomeReceived).Outcome.Unsent {
		return "the call may have been carried out"
	}
	l.awaited, l.begun = a, false
	return ""
}

func (l *ledger) endCall(e EndCall) (wrong string) {
	if !slices.Contains(l.accepted, e.SequenceCode) {
		return "the part was never accepted"
	}
	if len(l.ended) > 0 && e.SequenceCode <= l.ended[len(l.ended)-1] {
		return "the part, or one behind it, has ended before"
	}
	l.ended = append(l.ended, e.SequenceCode)
	switch e.Status {
	case schemas.Cancelled, schemas.Expired:
		if e.Code == schemas.Erased {
			return l.withheld(e)
		}
		if l.begun || l.awaited.sequenceCode > 1 || l.awaited.number > 1 {
			return "the conversation has begun"
		}
	case schemas.HasErrors, schemas.Error, schemas.NotProcessed:
		unknown := e.Code == schemas.OutcomeUnknown || e.Code == schemas.DeferredTimeout || e.Code == schemas.Internal
		if !l.begun || !unknown {
			l.again = append(l.again, e.SequenceCode)
		}
	}
	l.begun = false
	return ""
}

// withheld ends a part whose objects have been erased: all attempts that it had are over.
func (l *ledger) withheld(e EndCall) (wrong string) {
	if l.awaited != (attempt{e.SequenceCode, e.Attempts + 1}) {
		return "another attempt is in turn"
	}
	l.begun = false
	return ""
}

func (l *ledger) resubmit(e Resubmit) (wrong string) {
	if !l.over || l.resubmitted || l.released {
		return "nothing is left to resubmit"
	}
	l.resubmitted = true
	again := slices.DeleteFunc(slices.Clone(l.accepted), func(k int32) bool { return k < e.From })
	if len(again) == 0 {
		return "no part is behind it"
	}
	for _, k := range again {
		if !slices.Contains(l.again, k) {
			return "a part may have been carried out, and must not be repeated"
		}
	}
	return ""
}
