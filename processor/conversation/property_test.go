package conversation

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
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
	case !l.state.Awaited().IsZero():
		l.step(t, TimerDue{At: l.state.Awaited().Add(1)})
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
