package conversation

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/schemas"
)

// TestLives leads conversations of several sizes through random lives, each step of which trial checks.
func TestLives(t *testing.T) {
	t.Parallel()
	for _, calls := range []int32{1, 2, 3, 9, 17} {
		t.Run(fmt.Sprintf("calls=%d", calls), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { live(t, calls) })
		})
	}
}

func live(t *rapid.T, calls int32) {
	l := newLife(t, calls)
	t.Repeat(map[string]func(*rapid.T){
		"part":            l.part,
		"missing part":    l.missingPart,
		"all parts":       l.allParts,
		"contradiction":   l.contradiction,
		"outcome":         l.outcome,
		"stale outcome":   l.staleOutcome,
		"timer":           l.timer,
		"decision failed": l.decisionFailed,
		"":                l.lateEitherWay,
	})
	l.finish(t)
}

// life makes up what happens to one conversation.
type life struct {
	*trial
	calls  int32
	single bool
	// now is the append time of the last record, give or take what was forwarded.
	now    time.Time
	offset int64
}

func newLife(t *rapid.T, calls int32) *life {
	return &life{
		trial:  newTrial(Rules{PartTimeout: time.Minute}),
		calls:  calls,
		single: calls == 1 && rapid.Bool().Draw(t, "single"),
		now:    time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC),
	}
}

// part is any call: new, sent again, in conflict, at odds about the number of calls, or wrong in itself.
func (l *life) part(t *rapid.T) {
	calls := rapid.SampledFrom([]int32{l.calls, l.calls, l.calls, l.calls + 1}).Draw(t, "calls")
	if l.single {
		calls = 1
	}
	in := l.call(t, rapid.Int32Range(1, calls).Draw(t, "seq"), calls)
	l.step(t, l.known(in))
}

// missingPart is a good part that has not come yet.
func (l *life) missingPart(t *rapid.T) {
	missing := l.state.Received.Missing(l.calls, int(l.calls))
	if len(missing) == 0 {
		return // all are there
	}
	in := l.good(rapid.SampledFrom(missing).Draw(t, "seq"))
	in.At = l.appended(t)
	l.step(t, l.known(in))
}

// allParts are all parts, good ones and close together, in any order.
func (l *life) allParts(t *rapid.T) {
	order := rapid.Permutation(l.state.Received.Missing(l.calls, int(l.calls))).Draw(t, "order")
	if len(order) == 0 {
		return // all are there
	}
	for _, k := range order {
		l.now = l.now.Add(time.Millisecond)
		l.step(t, l.known(l.good(k)))
	}
}

// contradiction is a call with other content for the place of a part that has come.
func (l *life) contradiction(t *rapid.T) {
	if l.state.Phase == New {
		return // none has come
	}
	in := l.good(rapid.SampledFrom(received(l.state)).Draw(t, "seq"))
	in.Calls = l.state.Calls
	in.Content++
	l.step(t, l.known(in))
}

// call is one with random content, at a random time.
func (l *life) call(t *rapid.T, sequenceCode, calls int32) PartReceived {
	in := l.good(sequenceCode)
	in.Calls = calls
	in.At = l.appended(t)
	variant := rapid.SampledFrom([]uint64{0, 0, 0, 1, 2}).Draw(t, "variant")
	if variant == 2 {
		in.Problem = &schemas.Problem{Code: schemas.NoObjects, Pointer: "/objects", Detail: "none"}
	}
	in.Content = uint64(calls)<<32 | uint64(sequenceCode)<<8 | variant
	return in
}

// appended is when a call was: mostly a little later than the last, sometimes before it (it was forwarded), sometimes
// at the deadline or so late that the time is over.
func (l *life) appended(t *rapid.T) time.Time {
	later := []time.Duration{0, time.Second, 10 * time.Second, -20 * time.Second, time.Minute, time.Minute + 1}
	at := l.now.Add(rapid.SampledFrom(later).Draw(t, "later"))
	if at.After(l.now) {
		l.now = at
	}
	return at
}

// good is the call that is meant to have a sequence code.
func (l *life) good(sequenceCode int32) PartReceived {
	l.offset++
	return PartReceived{
		At:           l.now,
		Offset:       l.offset,
		Single:       l.single,
		SequenceCode: sequenceCode,
		Calls:        l.calls,
		Content:      uint64(l.calls)<<32 | uint64(sequenceCode)<<8,
	}
}

// outcome is one of the attempt that is awaited.
func (l *life) outcome(t *rapid.T) {
	if l.state.Phase != Processing {
		return // none is awaited
	}
	l.step(t, l.attemptEnded(t, l.state.Turn, l.state.Attempt))
}

// staleOutcome is one of whatever attempt, by chance of the awaited one.
func (l *life) staleOutcome(t *rapid.T) {
	l.step(t, l.attemptEnded(t, rapid.Int32Range(1, l.calls).Draw(t, "seq"), rapid.Int32Range(1, 3).Draw(t, "attempt")))
}

func (l *life) attemptEnded(t *rapid.T, sequenceCode, attempt int32) OutcomeReceived {
	good, bad := ObjectOutcome{}, ObjectOutcome{Failed: true, Code: "NoSuchRow", Message: "no such row"}
	at := l.now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "took")) * time.Millisecond)
	return OutcomeReceived{
		SequenceCode: sequenceCode,
		Attempt:      attempt,
		StartedAt:    at.Add(-time.Millisecond),
		At:           at,
		Outcome: rapid.SampledFrom([]Outcome{
			{}, {}, {},
			{Results: []ObjectOutcome{good, good}},
			{Results: []ObjectOutcome{good, bad}},
			{Results: []ObjectOutcome{bad, bad}},
			{Kind: Failed, Code: "NotAllowed", Message: "not allowed"},
			{Kind: Transient, Code: "Unreachable", Message: "no connection"},
			{Kind: Transient, Code: "Busy", Message: "busy", RetryAfter: time.Minute},
		}).Draw(t, "outcome"),
		FailOn:    rapid.SampledFrom([]schemas.FailOn{"", schemas.FailOnHasErrors, schemas.FailOnError, schemas.FailOnNever}).Draw(t, "fail on"),
		Retry:     Retry{Initial: time.Second, Max: time.Minute, MaxAttempts: rapid.Int32Range(0, 3).Draw(t, "max attempts")},
		RequestID: schemas.RequestID{byte(sequenceCode)},
	}
}

// timer is due around the deadline, or whenever.
func (l *life) timer(t *rapid.T) {
	at := l.state.Deadline
	if l.state.Phase != Staging {
		at = l.now
	}
	near := []time.Duration{-time.Minute, -1, 0, 1, time.Minute}
	l.step(t, TimerDue{At: at.Add(rapid.SampledFrom(near).Draw(t, "near"))})
}

func (l *life) decisionFailed(t *rapid.T) {
	if rapid.IntRange(0, 49).Draw(t, "rare") > 0 {
		return // a defect is rare
	}
	l.step(t, DecisionFailed{At: l.now, Reason: "a defect"})
}

// lateEitherWay shows that it does not matter for what is recorded whether the timer or a late part is read first.
func (l *life) lateEitherWay(t *rapid.T) {
	if l.state.Phase != Staging {
		return
	}
	late := l.good(l.state.Received.Missing(l.state.Calls, 1)[0])
	late.At = l.state.Deadline.Add(1)
	timer := TimerDue{At: late.At}

	timerFirst, want := l.branch(t, timer, late)
	partFirst, got := l.branch(t, late, timer)
	if !reflect.DeepEqual(partFirst, timerFirst) || !reflect.DeepEqual(got, want) {
		t.Fatalf("the late part first\n%s %sthe timer first\n%s %s",
			stateWords(partFirst), effectsWords(got), stateWords(timerFirst), effectsWords(want))
	}
}

// branch steps on from where the conversation is, and leaves it there.
func (l *life) branch(t *rapid.T, inputs ...Input) (State, []Effect) {
	s, effects := l.state, []Effect(nil)
	for _, in := range inputs {
		next, more := stepTwice(t, l.rules, s, in)
		s, effects = next, append(effects, more...)
	}
	return s, effects
}

// finish shows that every conversation comes to its end: by its time if a part is missing, else by its outcomes.
func (l *life) finish(t *rapid.T) {
	if l.state.Phase == Staging {
		l.step(t, TimerDue{At: l.state.Deadline.Add(1)})
	}
	for left := l.state.Calls; left > 0 && l.state.Phase == Processing; left-- {
		l.step(t, OutcomeReceived{SequenceCode: l.state.Turn, Attempt: l.state.Attempt, StartedAt: l.now, At: l.now.Add(1)})
	}
	if l.state.Phase != Ended && l.state.Phase != New {
		t.Fatalf("the conversation does not end: %s", stateWords(l.state))
	}
}
