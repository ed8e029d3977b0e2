package conversation

import (
	"reflect"
	"slices"

	"pgregory.net/rapid"
)

// trial is a conversation under test. It stands for the shell, which knows what the conversation holds and what it
// has refused, and checks each step against the history and the invariants.
type trial struct {
	rules   Rules
	state   State
	history history
}

func newTrial(rules Rules) *trial {
	return &trial{rules: rules, history: history{rules: rules}}
}

// known adds what the shell knows of a call: the part that it repeats or contradicts, and whether it was refused.
func (c *trial) known(in PartReceived) PartReceived {
	in.Held, in.Refused = c.history.held(in.SequenceCode), c.history.refused(in)
	return in
}

// step applies an input and returns its effects.
func (c *trial) step(t rapid.TB, in Input) []Effect {
	t.Helper()
	before := c.state
	next, effects := stepTwice(t, c.rules, before, in)
	c.checkModel(t, in, next, effects)
	c.state = next
	checkStep(t, before, in, next, effects)
	checkLedger(t, c.history, next)
	return effects
}

// stepTwice is Step, which must give equal results for equal arguments and leave its argument as it is.
func stepTwice(t rapid.TB, rules Rules, s State, in Input) (State, []Effect) {
	t.Helper()
	before := clone(s)
	next, effects, err := rules.Step(s, in)
	if err != nil {
		t.Fatalf("step %s: %v", inputWords(in), err)
	}
	if !reflect.DeepEqual(s, before) {
		t.Fatalf("step %s modified its argument\n got %s\nwant %s", inputWords(in), stateWords(s), stateWords(before))
	}
	kept := clone(next)
	again, effectsAgain, err := rules.Step(s, in)
	if err != nil || !reflect.DeepEqual(again, next) || !reflect.DeepEqual(effectsAgain, effects) {
		t.Fatalf("step %s twice (%v)\n first %s %s\nsecond %s %s", inputWords(in), err,
			stateWords(next), effectsWords(effects), stateWords(again), effectsWords(effectsAgain))
	}
	for k := int32(1); k <= s.Calls; k++ { // other steps from the same state leave this one's result alone
		other := PartReceived{SequenceCode: k, Calls: s.Calls, Content: 1}
		if _, _, err := rules.Step(s, other); err != nil {
			t.Fatalf("step %s: %v", inputWords(other), err)
		}
	}
	if !reflect.DeepEqual(next, kept) {
		t.Fatalf("a later step modified the result of %s\n got %s\nwant %s", inputWords(in), stateWords(next), stateWords(kept))
	}
	return next, effects
}

func clone(s State) State {
	s.Received = slices.Clone(s.Received)
	return s
}

// checkModel holds effects and state against the history, which takes the input in.
func (c *trial) checkModel(t rapid.TB, in Input, next State, effects []Effect) {
	t.Helper()
	want, stale := c.history.decide(in)
	if got := withoutMessages(effects); !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: %s\n got %s\nwant %s", stateWords(c.state), inputWords(in), effectsWords(got), effectsWords(want))
	}
	if stale && !reflect.DeepEqual(next, c.state) {
		t.Fatalf("%s: %s is stale, and changes the state to %s", stateWords(c.state), inputWords(in), stateWords(next))
	}
	if !stale {
		c.history = c.history.after(in, want...)
	}
	if len(of[Forget](effects)) > 0 {
		c.history.list = nil
	}

	wantState, wantReceived := c.history.state()
	got, gotReceived := next, received(next)
	got.Received, got.Message = nil, ""
	if !reflect.DeepEqual(got, wantState) || !slices.Equal(gotReceived, wantReceived) {
		t.Fatalf("after %s\n got %+v, parts %v\nwant %+v, parts %v", inputWords(in), got, gotReceived, wantState, wantReceived)
	}
	if woken := next.Wake(); !woken.Equal(c.history.wake()) {
		t.Fatalf("after %s: %s wakes at %s, want %s", inputWords(in), stateWords(next), clock(woken), clock(c.history.wake()))
	}
	if awaited := next.Awaited(); !awaited.Equal(c.history.awaited()) {
		t.Fatalf("after %s: %s waits until %s, want %s", inputWords(in), stateWords(next), clock(awaited), clock(c.history.awaited()))
	}
}

// withoutMessages leaves out what people read; the scenarios show it.
func withoutMessages(effects []Effect) []Effect {
	out := slices.Clone(effects)
	for i, e := range out {
		switch e := e.(type) {
		case Reject:
			e.Message = ""
			out[i] = e
		case EndCall:
			e.Message = ""
			out[i] = e
		}
	}
	return out
}

// received lists the parts of a state, and whatever else its bitmap holds.
func received(s State) []int32 {
	var out []int32
	for k := int32(1); int(k) <= 8*len(s.Received); k++ {
		if s.Received.Has(k) {
			out = append(out, k)
		}
	}
	return out
}
