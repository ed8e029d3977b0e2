package torture

import (
	"slices"
	"time"

	"parley/schemas"
)

const (
	ruleReason      rule = "results with a status that the call, or what was done to it, explains"
	rulePartTimeout rule = "conversations that met the part timeout, and had a part missing, late or astray"
)

// reasons: no call ends otherwise than it must.
func (e *evidence) reasons() {
	for i := range e.stories {
		s := &e.stories[i]
		f := fate{cancelled: s.command.kind == cancels && s.command.verdict != refused}
		for _, c := range s.calls {
			f.rival = f.rival || c.rival
			for _, one := range e.rowsOf[c] {
				f.timedOut = f.timedOut || one.code == schemas.PartTimeout
			}
		}
		if f.timedOut {
			e.gap(s)
		}
		for _, c := range s.calls {
			for _, one := range slices.Concat(e.rowsOf[c], e.againOf[c]) {
				if f.explains(one) {
					e.held(ruleReason)
				} else {
					e.broke(ruleReason, "%s (%s, told %+v): %s %s", c.name(), c.route, c.told, one.status, one.code)
				}
			}
		}
	}
}

// fate is what happened to a conversation as a whole.
type fate struct {
	cancelled, timedOut, rival bool
}

// explains reports whether a result is as it can be.
func (f fate) explains(one row) bool {
	told := one.call.told
	refused := told.Error != "" // as an object's result, or with a status
	switch one.status {
	case schemas.OK:
		return !refused
	case schemas.HasErrors:
		return refused
	case schemas.Error:
		switch one.code {
		case schemas.OutcomeUnknown:
			return one.call.route == routeOnce
		case schemas.DeferredTimeout:
			return told.Defer != "" || one.call.route == routeAsk
		}
		return refused
	case schemas.NotProcessed:
		return one.call.conversation != ""
	case schemas.Rejected:
		switch one.code {
		case schemas.SequenceCodeConflict, schemas.CallsInConversationMismatch:
			return f.rival
		case schemas.ConversationIDUsed:
			return f.rival || f.timedOut || f.cancelled
		}
	case schemas.Cancelled:
		return f.cancelled
	}
	return false
}

// gapSlack is what the clocks of those who append and those who judge may differ by.
const gapSlack = 100 * time.Millisecond

// gap: a conversation meets the part timeout only when a part is missing, or came as late as that. A record that went
// astray is late when nobody could forward it within the grace.
func (e *evidence) gap(s *story) {
	var arrived []time.Time
	for _, c := range s.calls {
		for _, one := range e.rowsOf[c] {
			arrived = append(arrived, one.accepted)
		}
	}
	slices.SortFunc(arrived, time.Time.Compare)
	for i := 1; i < len(arrived); i++ {
		if arrived[i].Sub(arrived[i-1]) > partTimeout-gapSlack {
			e.held(rulePartTimeout)
			return
		}
	}
	astray := slices.ContainsFunc(s.sendings, func(one sending) bool { return one.astray })
	if astray || s.withheld != nil || slices.ContainsFunc(s.calls, e.unacknowledged) {
		e.held(rulePartTimeout)
		return
	}
	e.broke(rulePartTimeout, "%s: %d parts between %s and %s", s.calls[0].name(), len(arrived), clock(arrived[0]), clock(arrived[len(arrived)-1]))
}

func (e *evidence) unacknowledged(c *call) bool {
	sent, ok := e.entries[c]
	return !ok || !sent.acknowledged
}
