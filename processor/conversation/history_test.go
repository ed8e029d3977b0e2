package conversation

import (
	"slices"
	"time"

	"parley/schemas"
)

// history is the dumbest model of a conversation: a list of everything that happened and was not stale. It keeps
// nothing else; what it must know in order to decide, it finds by reading the whole list again. Its effects carry no
// messages.
type history struct {
	rules Rules
	list  []happened
}

// happened is an input with the effects that it had.
type happened struct {
	in      Input
	effects []Effect
}

// after is the history with one more input in it.
func (h history) after(in Input, effects ...Effect) history {
	h.list = append(slices.Clip(h.list), happened{in, effects})
	return h
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

// startedAt is when the first attempt of a part began; zero: nothing is known of one.
func (h history) startedAt(sequenceCode int32) time.Time {
	for _, e := range h.list {
		switch in := e.in.(type) {
		case AttemptBegun:
			if in.SequenceCode == sequenceCode && len(of[Begin](e.effects)) > 0 {
				return in.At
			}
		case OutcomeReceived:
			if in.SequenceCode == sequenceCode && in.Outcome.Kind != Withheld {
				return in.StartedAt
			}
		case AnswerReceived:
			if in.SequenceCode == sequenceCode {
				return in.At
			}
		}
	}
	return time.Time{}
}

// firstStartedAt is when the first attempt of all began; parts whose objects are withheld have none.
func (h history) firstStartedAt() time.Time {
	for _, e := range with[Accept](h) {
		for k := int32(1); k <= e.Calls; k++ {
			if at := h.startedAt(k); !at.IsZero() {
				return at
			}
		}
	}
	return time.Time{}
}

// startBy is when the conversation expires; zero: never, or it has begun, or has been seen to have begun, or ended.
func (h history) startBy() time.Time {
	var earliest time.Time
	for _, p := range with[Accept](h) {
		if !p.StartBy.IsZero() && (earliest.IsZero() || p.StartBy.Before(earliest)) {
			earliest = p.StartBy
		}
	}
	seen := slices.ContainsFunc(h.list, func(e happened) bool { _, ok := e.in.(ClockDue); return ok })
	if seen || h.phase() == Ended || !h.startedAt(1).IsZero() || len(all[EndCall](h)) > 0 {
		return time.Time{}
	}
	return earliest
}

// untouched reports whether no attempt has begun.
func (h history) untouched(begun bool) bool {
	switch h.phase() {
	case Staging:
		return true
	case Processing:
		return !begun && h.startedAt(1).IsZero() && len(all[EndCall](h)) == 0
	}
	return false
}

// awaits reports whether the outcome of an attempt is waited for.
func (h history) awaits(sequenceCode, attempt int32) bool {
	t := h.turn()
	return h.phase() == Processing && t.SequenceCode == sequenceCode && t.Attempt == attempt && t.AnswerBy.IsZero()
}

// turn is the part in turn: what was said since it was to be executed.
func (h history) turn() Turn {
	if h.phase() != Processing {
		return Turn{}
	}
	var t Turn
	for _, e := range h.list {
		switch in := e.in.(type) {
		case AttemptBegun:
			t.LostAt, t.NotBefore = in.LostAt, time.Time{}
		case OutcomeReceived:
			t.AnswerBy, t.NotBefore = in.AnswerBy, time.Time{}
		case ProgressReceived:
			t.Progress = max(t.Progress, in.Processed)
		}
		for _, x := range of[Execute](e.effects) {
			route := t.Route
			if x.Attempt == 1 {
				route = nextIn(e.in).Route
			}
			t = Turn{SequenceCode: x.SequenceCode, Route: route, Attempt: x.Attempt, NotBefore: x.NotBefore}
		}
	}
	t.StartedAt = h.startedAt(t.SequenceCode)
	return t
}

// nextIn is what an input tells of the part that comes in turn with it.
func nextIn(in Input) Next {
	if in, ok := in.(PartReceived); ok {
		return in.First
	}
	return endingIn(in).Following
}

func endingIn(in Input) Ending {
	switch in := in.(type) {
	case AttemptLost:
		return in.Ending
	case OutcomeReceived:
		return in.Ending
	case AnswerReceived:
		return in.Ending
	case TimerDue:
		return in.Ending
	}
	return Ending{}
}

// kept are the payloads that are left of a conversation which failed: of the parts that nobody carried out, and of the
// last one that somebody did, unless it must not be repeated and what came of it is not known.
func (h history) kept() Kept {
	status, _ := h.end()
	if h.rules.KeepFailed == 0 || status != schemas.ConversationError || len(all[Release](h)) > 0 {
		return Kept{}
	}
	k := Kept{From: 1, Until: h.endedAt().Add(h.rules.KeepFailed)}
	for _, e := range all[EndCall](h) {
		if e.Status == schemas.NotProcessed {
			continue
		}
		k.From, k.Failed = e.SequenceCode+1, e.SequenceCode
		once := slices.Contains(all[Begin](h), Begin{SequenceCode: e.SequenceCode, Attempt: e.Attempts})
		if e.Code == schemas.OutcomeUnknown || once && e.Code == schemas.DeferredTimeout {
			k.Failed = 0
		}
	}
	if k.Failed == 0 && k.From > with[Accept](h)[0].Calls {
		return Kept{}
	}
	return k
}

func (h history) continuedBy() string {
	for _, e := range h.list {
		if in, ok := e.in.(ResubmitRequested); ok {
			return in.As
		}
	}
	return ""
}

func (h history) endedAt() time.Time {
	for _, e := range all[EndConversation](h) {
		return e.At
	}
	return time.Time{}
}

// forgetAt is when the marker may go; zero: never.
func (h history) forgetAt() time.Time {
	keep := h.rules.KeepConversation
	if with[Accept](h)[0].Single {
		keep = h.rules.KeepSingle
	}
	if keep == 0 {
		return time.Time{}
	}
	return h.endedAt().Add(keep)
}
