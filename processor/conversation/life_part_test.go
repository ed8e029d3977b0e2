package conversation

import (
	"time"

	"pgregory.net/rapid"

	"parley/schemas"
)

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
	in.Priority = rapid.SampledFrom([]schemas.Priority{schemas.Low, schemas.Medium, schemas.High, schemas.Foremost}).Draw(t, "priority")
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
