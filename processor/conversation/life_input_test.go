package conversation

import (
	"time"

	"pgregory.net/rapid"

	"parley/schemas"
)

func (l *life) ending(t *rapid.T) Ending {
	failOn := []schemas.FailOn{"", schemas.FailOnHasErrors, schemas.FailOnError, schemas.FailOnNever}
	return Ending{FailOn: rapid.SampledFrom(failOn).Draw(t, "fail on"), Following: l.next(t)}
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
		Outcome{Kind: Withheld},
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
	withheld := ObjectOutcome{Withheld: true}
	return []Outcome{
		{}, {}, {},
		{Results: []ObjectOutcome{good, good}},
		{Results: []ObjectOutcome{good, bad}},
		{Results: []ObjectOutcome{bad, bad}},
		{Results: []ObjectOutcome{withheld, good}},
		{Results: []ObjectOutcome{bad, withheld}},
		{Results: []ObjectOutcome{good, withheld, bad}},
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

// timer is due around the time by which something must have come, or whenever.
func (l *life) timer(t *rapid.T) {
	at := l.state.Awaited()
	if at.IsZero() {
		at = l.now
	}
	near := []time.Duration{-time.Minute, -1, 0, 1, time.Minute}
	l.step(t, TimerDue{At: at.Add(rapid.SampledFrom(near).Draw(t, "near")), Ending: l.ending(t)})
}

// clock comes to around the time that the conversation asks for, or to whatever time.
func (l *life) clock(t *rapid.T) {
	at := l.state.Wake()
	if at.IsZero() {
		at = l.now
	}
	near := []time.Duration{-time.Minute, -1, 0, 1, time.Minute}
	l.step(t, ClockDue{
		At:    at.Add(rapid.SampledFrom(near).Draw(t, "near")),
		Begun: rapid.Bool().Draw(t, "executing"),
	})
}

func (l *life) decisionFailed(t *rapid.T) {
	if rapid.IntRange(0, 49).Draw(t, "rare") > 0 {
		return // a defect is rare
	}
	l.step(t, DecisionFailed{At: l.now, Reason: "a defect"})
}
