package conversation

import (
	"slices"

	"pgregory.net/rapid"
)

// ledger counts the effects of a conversation's whole life, and refuses one that must not happen (DESIGN section 7).
type ledger struct {
	calls    int32
	accepted []int32
	ended    []int32
	awaited  attempt
	over     bool
}

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
	switch e.(type) {
	case Resend, Reject:
		return ""
	}
	if l.over {
		return "the conversation has ended"
	}
	switch e := e.(type) {
	case Accept:
		p, ok := in.(PartReceived)
		if !ok {
			return "no call was received"
		}
		l.accepted = append(l.accepted, p.SequenceCode)
	case Execute:
		return l.execute(attempt{e.SequenceCode, e.Attempt})
	case EndCall:
		return l.endCall(e.SequenceCode)
	case EndConversation:
		l.over = true
		slices.Sort(l.accepted)
		if !slices.Equal(l.accepted, l.ended) {
			return "not every accepted part has ended"
		}
	}
	return ""
}

func (l *ledger) execute(a attempt) (wrong string) {
	if len(l.accepted) != int(l.calls) {
		return "not all parts have arrived"
	}
	again := attempt{l.awaited.sequenceCode, l.awaited.number + 1}
	next := attempt{l.awaited.sequenceCode + 1, 1}
	ended := len(l.ended) == int(l.awaited.sequenceCode)
	if a != next && a != again || ended != (a == next) {
		return "another part or attempt is in turn"
	}
	l.awaited = a
	return ""
}

func (l *ledger) endCall(sequenceCode int32) (wrong string) {
	if !slices.Contains(l.accepted, sequenceCode) {
		return "the part was never accepted"
	}
	if len(l.ended) > 0 && sequenceCode <= l.ended[len(l.ended)-1] {
		return "the part, or one behind it, has ended before"
	}
	l.ended = append(l.ended, sequenceCode)
	return ""
}
