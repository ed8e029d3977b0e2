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
		"begun":           l.begun,
		"lost":            l.lost,
		"outcome":         l.outcome,
		"another outcome": l.outcome,
		"answer":          l.answer,
		"progress":        l.progress,
		"cancel":          l.cancel,
		"resubmit":        l.resubmit,
		"timer":           l.timer,
		"clock":           l.clock,
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
	const week = 7 * 24 * time.Hour
	keep := rapid.SampledFrom([]time.Duration{0, week, 2 * week})
	return &life{
		trial: newTrial(Rules{
			PartTimeout:      time.Minute,
			KeepFailed:       keep.Draw(t, "keep failed"),
			KeepSingle:       keep.Draw(t, "keep single"),
			KeepConversation: keep.Draw(t, "keep conversation"),
		}),
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
	in := l.asking(t, l.good(rapid.SampledFrom(missing).Draw(t, "seq")))
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
		l.step(t, l.known(l.asking(t, l.good(k))))
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

// call is one with random content and options, at a random time.
func (l *life) call(t *rapid.T, sequenceCode, calls int32) PartReceived {
	in := l.asking(t, l.good(sequenceCode))
	in.Calls = calls
	in.At = l.appended(t)
	variant := rapid.SampledFrom([]uint64{0, 0, 0, 1, 2}).Draw(t, "variant")
	if variant == 2 {
		in.Problem = &schemas.Problem{Code: schemas.NoObjects, Pointer: "/objects", Detail: "none"}
	}
	in.Content = uint64(calls)<<32 | uint64(sequenceCode)<<8 | variant
	return in
}

// asking is a call with random options.
func (l *life) asking(t *rapid.T, in PartReceived) PartReceived {
	in.Priority = rapid.SampledFrom([]schemas.Priority{schemas.Low, schemas.Medium, schemas.High}).Draw(t, "priority")
	in.StartBy = l.sometime(t, "start by")
	in.Scheduled = rapid.Bool().Draw(t, "scheduled")
	in.First = l.next(t)
	return in
}

// sometime is a time around now, or none.
func (l *life) sometime(t *rapid.T, label string) time.Time {
	from := rapid.SampledFrom([]time.Duration{0, -time.Second, 30 * time.Second, 10 * time.Minute}).Draw(t, label)
	if from == 0 {
		return time.Time{}
	}
	return l.now.Add(from)
}

func (l *life) next(t *rapid.T) Next {
	return Next{
		Route:       rapid.SampledFrom([]string{"crm", "mail", ""}).Draw(t, "route"),
		ScheduledAt: l.sometime(t, "scheduled at"),
	}
}

func (l *life) ending(t *rapid.T) Ending {
	failOn := []schemas.FailOn{"", schemas.FailOnHasErrors, schemas.FailOnError, schemas.FailOnNever}
	return Ending{FailOn: rapid.SampledFrom(failOn).Draw(t, "fail on"), Following: l.next(t)}
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
		Continues:    "the first",
	}
}

// aim is mostly the attempt that is in turn, and sometimes whatever other.
func (l *life) aim(t *rapid.T) attempt {
	if l.state.Phase == Processing && rapid.IntRange(0, 9).Draw(t, "aim") > 0 {
		return attempt{l.state.Turn.SequenceCode, l.state.Turn.Attempt}
	}
	return attempt{rapid.Int32Range(0, l.calls+1).Draw(t, "seq"), rapid.Int32Range(0, 3).Draw(t, "attempt")}
}

// took is a moment a little later than now.
func (l *life) took(t *rapid.T) time.Time {
	return l.now.Add(time.Duration(rapid.IntRange(1, 50_000).Draw(t, "took")) * time.Millisecond)
}

func (l *life) begun(t *rapid.T) {
	a, at := l.aim(t), l.took(t)
	l.step(t, AttemptBegun{SequenceCode: a.sequenceCode, Attempt: a.number, At: at, LostAt: at.Add(time.Minute)})
}

func (l *life) lost(t *rapid.T) {
	a := l.aim(t)
	l.step(t, AttemptLost{SequenceCode: a.sequenceCode, Attempt: a.number, At: l.took(t), Ending: l.ending(t)})
}

func (l *life) outcome(t *rapid.T) {
	a, at := l.aim(t), l.took(t)
	outcomes := append(answers(),
		Outcome{Kind: Transient, Code: "Unreachable", Message: "no connection"},
		Outcome{Kind: Transient, Code: "Busy", Message: "busy", RetryAfter: time.Minute, Unsent: true},
		Outcome{Kind: Deferred},
	)
	l.step(t, OutcomeReceived{
		SequenceCode: a.sequenceCode,
		Attempt:      a.number,
		StartedAt:    at.Add(-time.Millisecond),
		At:           at,
		Outcome:      rapid.SampledFrom(outcomes).Draw(t, "outcome"),
		Retry:        Retry{Initial: time.Second, Max: time.Minute, MaxAttempts: rapid.Int32Range(0, 3).Draw(t, "max attempts")},
		AnswerBy:     at.Add(time.Hour),
		RequestID:    schemas.RequestID{byte(a.sequenceCode)},
		Ending:       l.ending(t),
	})
}

// answers are the outcomes that are an answer.
func answers() []Outcome {
	good, bad := ObjectOutcome{}, ObjectOutcome{Failed: true, Code: "NoSuchRow", Message: "no such row"}
	return []Outcome{
		{}, {}, {},
		{Results: []ObjectOutcome{good, good}},
		{Results: []ObjectOutcome{good, bad}},
		{Results: []ObjectOutcome{bad, bad}},
		{Kind: Failed, Code: "NotAllowed", Message: "not allowed"},
	}
}

func (l *life) answer(t *rapid.T) {
	o := rapid.SampledFrom(answers()).Draw(t, "outcome")
	l.step(t, AnswerReceived{SequenceCode: l.aim(t).sequenceCode, At: l.took(t), Outcome: o, Ending: l.ending(t)})
}

func (l *life) progress(t *rapid.T) {
	l.step(t, ProgressReceived{SequenceCode: l.aim(t).sequenceCode, Processed: rapid.Int32Range(0, 5).Draw(t, "processed")})
}

func (l *life) cancel(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "rare") > 0 && l.history.untouched(false) {
		return // most lives go on
	}
	l.step(t, CancelRequested{At: l.took(t), Begun: rapid.Bool().Draw(t, "executing")})
}

func (l *life) resubmit(t *rapid.T) {
	as := rapid.SampledFrom([]string{"the second", "the third"}).Draw(t, "as")
	l.step(t, ResubmitRequested{As: as, IncludeFailed: rapid.Bool().Draw(t, "include failed")})
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

// clock comes to around the time that the conversation asks for, or to whatever time.
func (l *life) clock(t *rapid.T) {
	at := l.state.Wake()
	if at.IsZero() {
		at = l.now
	}
	near := []time.Duration{-time.Minute, -1, 0, 1, time.Minute}
	l.step(t, ClockDue{
		At:     at.Add(rapid.SampledFrom(near).Draw(t, "near")),
		Begun:  rapid.Bool().Draw(t, "executing"),
		Ending: l.ending(t),
	})
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

// finish shows that every conversation comes to its end, and to what is left of it at last, by what its state says
// that it waits for.
func (l *life) finish(t *rapid.T) {
	for l.state.Phase == Staging || l.state.Phase == Processing {
		l.goOn(t)
	}
	for !l.state.Wake().IsZero() {
		l.step(t, ClockDue{At: l.state.Wake()})
	}
	if l.state.Kept.From > 0 || l.state.Phase == Ended && !l.state.ForgetAt.IsZero() {
		t.Fatalf("what was kept stays for ever: %s", stateWords(l.state))
	}
}

// goOn takes a conversation one part or attempt further; a step that does not is a failure.
func (l *life) goOn(t *rapid.T) {
	before, turn := l.state, l.state.Turn
	switch {
	case l.state.Phase == Staging:
		l.step(t, TimerDue{At: l.state.Deadline.Add(1)})
	case !turn.AnswerBy.IsZero():
		l.step(t, ClockDue{At: l.state.Wake()})
	case !turn.LostAt.IsZero():
		l.step(t, AttemptLost{SequenceCode: turn.SequenceCode, Attempt: turn.Attempt, At: l.state.DelayedUntil()})
	default:
		at := l.now.Add(1)
		l.step(t, OutcomeReceived{SequenceCode: turn.SequenceCode, Attempt: turn.Attempt, StartedAt: l.now, At: at})
	}
	if l.state.Phase == before.Phase && l.state.Turn.SequenceCode == turn.SequenceCode {
		t.Fatalf("the conversation does not go on from %s", stateWords(before))
	}
}
