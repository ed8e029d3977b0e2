package conversation

import (
	"reflect"

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
	answers := len(of[Accept](effects)) + len(of[Resend](effects)) + len(of[Reject](effects))
	if _, ok := in.(PartReceived); ok && answers != 1 {
		says("a call is accepted, resent or rejected, and only one of them")
	} else if !ok && answers != 0 {
		says("no call was received")
	}
	if len(of[Resend](effects)) > 0 && (len(effects) > 1 || !reflect.DeepEqual(before, after)) {
		says("a resend changes nothing")
	}
	if len(effects) == 0 && !reflect.DeepEqual(before, after) {
		says("what has no effect changes nothing")
	}
	if before.Phase == Ended && !reflect.DeepEqual(before, after) {
		says("an ended conversation stays as it is")
	}
	if after.Phase == Staging && after.Deadline.Before(before.Deadline) {
		says("a deadline only moves forward")
	}
	if len(of[Accept](effects)) == 0 && after.Phase == Staging && !after.Deadline.Equal(before.Deadline) {
		says("only a new part moves the deadline")
	}
	if after.Phase < before.Phase {
		says("a phase does not come again")
	}
	for _, r := range of[Reject](effects) {
		if r.Code == "" || r.Message == "" {
			says("a rejection says what is wrong")
		}
	}
	for _, e := range of[EndCall](effects) {
		if e.Status == schemas.NotProcessed && (e.Code == "" || e.Message == "" || e.Attempts != 0 || !e.StartedAt.IsZero()) {
			says("a part that is not processed says why, and was not started")
		}
	}
	if after.Queued() != (after.Phase == Processing) || after.Queued() != (after.Turn > 0) {
		says("a part is in turn while the conversation is processing")
	}
}
