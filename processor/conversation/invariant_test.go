package conversation

import (
	"reflect"
	"time"

	"pgregory.net/rapid"

	"parley/schemas"
)

// checkStep holds one step against what must always be true (DESIGN section 7), whatever the model says.
func checkStep(t rapid.TB, before State, in Input, after State, effects []Effect) {
	t.Helper()
	says := func(what string) {
		t.Helper()
		t.Fatalf("%s: %s\n%s %s\n%s", stateWords(before), inputWords(in), stateWords(after), effectsWords(effects), what)
	}
	forgotten := len(of[Forget](effects)) > 0
	answers := len(of[Accept](effects)) + len(of[Resend](effects)) + len(of[Reject](effects))
	if _, ok := in.(PartReceived); ok && answers != 1 {
		says("a call is accepted, resent or rejected, and only one of them")
	} else if !ok && answers != 0 {
		says("no call was received")
	}
	if len(of[Resend](effects)) > 0 && (len(effects) > 1 || !reflect.DeepEqual(before, after)) {
		says("a resend changes nothing")
	}
	if len(effects) == 0 && !reflect.DeepEqual(ofConversation(before), ofConversation(after)) {
		says("what has no effect changes nothing but what is known of the part in turn")
	}
	if before.Phase == Ended && !forgotten && !reflect.DeepEqual(ofEnd(before), ofEnd(after)) {
		says("an ended conversation stays as it is, save what is kept of it")
	}
	if after.Phase == Staging && after.Deadline.Before(before.Deadline) {
		says("a deadline only moves forward")
	}
	if len(of[Accept](effects)) == 0 && after.Phase == Staging && !after.Deadline.Equal(before.Deadline) {
		says("only a new part moves the deadline")
	}
	if after.Phase < before.Phase && !forgotten {
		says("a phase does not come again")
	}
	for _, r := range of[Reject](effects) {
		if r.Code == "" || r.Message == "" {
			says("a rejection says what is wrong")
		}
	}
	for _, e := range of[EndCall](effects) {
		switch e.Status {
		case schemas.NotProcessed, schemas.Cancelled, schemas.Expired:
			if e.Code == schemas.Erased {
				continue // the ledger knows how many attempts there were before
			}
			if e.Code == "" || e.Message == "" || e.Attempts != 0 || !e.StartedAt.IsZero() {
				says("a part that is not carried out says why, and was not started")
			}
		}
	}
	if wrong := stuck(after); wrong != "" {
		says(wrong)
	}
}

// ofConversation leaves out what is known of the part in turn.
func ofConversation(s State) State {
	s.Turn, s.StartedAt, s.StartBy = Turn{SequenceCode: s.Turn.SequenceCode, Attempt: s.Turn.Attempt}, time.Time{}, time.Time{}
	return s
}

// ofEnd leaves out what is kept of a conversation that ended.
func ofEnd(s State) State {
	s.Kept, s.ContinuedBy = Kept{}, ""
	return s
}

// stuck says why a state cannot go on, or is waited for in two ways; empty: it can, and in one.
func stuck(s State) string {
	deferred := !s.Turn.AnswerBy.IsZero()
	ways := 0
	for _, is := range []bool{s.Queued(), !s.DelayedUntil().IsZero(), deferred} {
		if is {
			ways++
		}
	}
	switch {
	case s.Phase == Processing && ways != 1:
		return "the part in turn is queued, delayed or deferred, and only one of them"
	case s.Phase != Processing && (ways != 0 || !reflect.DeepEqual(s.Turn, Turn{})):
		return "a part is in turn while the conversation is processing"
	case (s.Phase == Staging) == s.Deadline.IsZero():
		return "the next part has a deadline while the conversation is staging"
	case deferred && !s.Awaited().Equal(s.Turn.AnswerBy):
		return "a deferred call is waited for until its answer is due"
	case s.Kept.From > 0 && (s.Phase != Ended || s.Wake().IsZero()):
		return "what is kept of an ended conversation is released some time"
	case !s.StartBy.IsZero() && (s.Phase == Ended || !s.StartedAt.IsZero() || s.Turn.SequenceCode > 1):
		return "a conversation that has begun does not expire"
	}
	return ""
}
