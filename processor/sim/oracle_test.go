package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// verdict says of an invariant that it does not hold.
type verdict func(invariant, conversation, format string, args ...any)

// check holds the findings against what must always be true (DESIGN section 7). It is as naive as can be: it looks at
// one conversation at a time and asks of each rule whether anything breaks it.
func (f *findings) check(no verdict) {
	f.kept(no)
	f.sequences(no)
	f.dead1(no)
	f.forwarding(no)
	f.counters(no)
	f.deliveries(no)
	f.told(no)
	f.erased(no)
	for _, c := range f.conversations() {
		c.check(no)
	}
}

// kept: what the broker has acknowledged is in the log.
func (f *findings) kept(no verdict) {
	log := make(map[place]string)
	for _, a := range f.arrived {
		log[a.place] = a.value
	}
	if got, want := len(f.history.acknowledged), len(f.plan.sendings); got != want {
		no("the broker takes what is sent", "", "%d of %d", got, want)
	}
	for at, value := range f.history.acknowledged {
		if log[at] != value {
			no("the log keeps what was acknowledged", "", "not what is at %d/%d", at.partition, at.offset)
		}
	}
}

// sequences are dense: a partition's events are numbered from 1 without a gap, in the order of the log.
func (f *findings) sequences(no verdict) {
	next := make(map[int32]int64)
	for _, e := range f.log {
		if next[e.Partition]++; e.Sequence != next[e.Partition] {
			no("sequences are dense", e.of(), "partition %d has %d after %d", e.Partition, e.Sequence, next[e.Partition]-1)
			next[e.Partition] = e.Sequence
		}
	}
}

// dead1: what nothing can be made of is on parley.dead once, and nothing else is.
func (f *findings) dead1(no verdict) {
	for _, a := range f.arrived {
		if a.plain {
			continue // an answer goes there, too, when it came too late
		}
		want := 0
		if a.garbage {
			want = 1
		}
		if n := f.dead[a.place]; n != want {
			no("garbage is on parley.dead once, and nothing else", a.name(), "%s is there %d times", a.content, n)
		}
	}
}

// forwarding: what was on the wrong partition comes to the right one as often.
func (f *findings) forwarding(no verdict) {
	balance := make(map[string]int)
	for _, a := range f.arrived {
		switch {
		case a.plain || a.garbage || a.key == "":
		case a.forwarded && a.partition == a.home():
			balance[a.value]--
		case a.partition != a.home():
			balance[a.value]++
		}
	}
	for _, a := range f.arrived {
		if n := balance[a.value]; n != 0 {
			no("a misrouted call is forwarded once", a.name(), "%s: %d too few", a.content, n)
			delete(balance, a.value)
		}
	}
}

// counters: accepted = final + open + resent, and each of them is true.
func (f *findings) counters(no verdict) {
	for id, s := range f.states {
		final := int64(0)
		for _, n := range s.Final {
			final += n
		}
		if s.Accepted != final+s.Open+s.Resent {
			no("accepted = final + open + resent", "", "partition %d: %d accepted, %d final, %d open, %d resent", id, s.Accepted, final, s.Open, s.Resent)
		}
		accepted, ended := int64(0), make(map[string]int64)
		for _, a := range f.arrived {
			if !a.plain && !a.garbage && a.partition == id && (a.key == "" || a.home() == id) {
				accepted++
			}
		}
		for _, e := range f.events {
			if e.Partition == id && e.GetCall() != nil {
				ended[e.GetCall().Status]++
			}
		}
		if s.Accepted != accepted {
			no("the counters are true", "", "partition %d counts %d accepted, the log has %d", id, s.Accepted, accepted)
		}
		for status, n := range ended {
			if s.Final[status] != n {
				no("the counters are true", "", "partition %d counts %d %s, its results are %d", id, s.Final[status], status, n)
			}
		}
	}
}

// told: who asks at the end is told how the conversation ended.
func (f *findings) told(no verdict) {
	for _, e := range f.events {
		c := e.GetConversation()
		if c.GetConversationId() == "" {
			continue
		}
		want := strings.TrimSpace(c.Status + " " + c.ErrorCode)
		if got := f.polls[c.ConversationId]; got != want {
			no("a poll tells the end", c.ConversationId, "it says %q, want %q", got, want)
		}
	}
}

// observed is everything that was seen of one conversation.
type observed struct {
	name     string
	plan     *plan
	requests map[string]int
	arrived  []arrival // at its own partition, in the order of the log
	time     []arrival // all that is in the log of its partition
	events   []event   // of its calls
	ends     []event   // of itself
	attempts []*attempt
}

func (f *findings) conversations() []*observed {
	byName := make(map[string]*observed)
	var out []*observed
	on := func(name string) *observed {
		c, ok := byName[name]
		if !ok {
			c = &observed{name: name, plan: f.plan, requests: f.requests}
			byName[name] = c
			out = append(out, c)
		}
		return c
	}
	for _, a := range f.arrived {
		if !a.plain && !a.garbage && (a.key == "" || a.partition == a.home()) {
			c := on(a.conversation)
			c.arrived = append(c.arrived, a)
		}
	}
	names := make(map[string]string) // by request id, of single calls
	for _, e := range f.events {
		if call := e.GetCall(); call != nil && call.ConversationId == "" {
			name := singleName(call.Results[0].CorrelationId)
			names[call.RequestId] = name
			c := on(name)
			c.events = append(c.events, e)
		} else if call != nil {
			c := on(call.ConversationId)
			c.events = append(c.events, e)
		}
	}
	for _, e := range f.events {
		if ended := e.GetConversation(); ended != nil {
			name := ended.ConversationId
			if name == "" {
				name = names[ended.RequestId]
			}
			c := on(name)
			c.ends = append(c.ends, e)
		}
	}
	for _, a := range f.history.attempts {
		c := on(singleName(a.conversation))
		c.attempts = append(c.attempts, a)
	}
	for _, c := range out {
		switch {
		case len(c.arrived) == 0:
		case c.arrived[0].key == "":
			c.time = c.arrived
		default:
			for _, a := range f.arrived {
				if a.partition == c.arrived[0].partition {
					c.time = append(c.time, a)
				}
			}
		}
	}
	return out
}

// singleName is the conversation of a single call with that content: others with the same request id end in x.
func singleName(content string) string {
	for content != "" && content[len(content)-1] == 'x' {
		content = content[:len(content)-1]
	}
	return content
}

func (c *observed) check(no verdict) {
	if len(c.arrived) == 0 {
		no("what is recorded was sent", c.name, "%d results, %d attempts, and no call", len(c.events), len(c.attempts))
		return
	}
	e := c.expected(inTime)
	if c.ended() == string(schemas.PartTimeout) && e.mayTimeOut {
		e = c.expected(tooLate)
	}
	switch ended := c.ended(); {
	case ended == string(schemas.CodeCancelled) && e.mayCancel:
		e.failed = schemas.CodeCancelled
	case ended == string(schemas.StartByPassed) && !e.startBy.IsZero():
		e = c.expected(expired)
	}
	c.results(e, no)
	c.ending(e, no)
	c.order(e, no)
	c.leases(no)
	c.once(e, no)
	c.untouched(e, no)
}

// ended is the code with which the conversation ended.
func (c *observed) ended() string {
	if len(c.ends) == 0 {
		return ""
	}
	return c.ends[0].GetConversation().ErrorCode
}

// expected is what must come of a conversation, judged by the log alone.
type expected struct {
	// parts are the calls that were taken into it, by sequence code.
	parts map[int32]arrival
	calls int32
	// refused are the other calls, one for each that has a result, with the codes that it may have.
	refused []refusal
	// failed is why it ended before it began. Empty: it did begin.
	failed schemas.Code
	// complete is when it had all its parts.
	complete time.Time
	// mayTimeOut: a part came by a detour, and it may have been too late.
	mayTimeOut bool
	// startBy is the earliest of its parts. Zero: none says.
	startBy time.Time
	// mayCancel: it was to be cancelled when it had all its parts.
	mayCancel bool
}

type refusal struct {
	arrival
	codes []schemas.Code
}

// detour is what the log alone does not tell: whether a part that was forwarded, and may have been too late, was; and
// whether the conversation expired before it began.
type detour int

const (
	inTime detour = iota
	tooLate
	expired
)

// expiryLag is how long a record may be in the log before the owner reads it, as behind the open transaction of a dead
// process: then a conversation expires by the owner's clock as if the record came later.
const expiryLag = transactionTimeout + 3*time.Second

// expected walks through the log as a person would.
func (c *observed) expected(d detour) expected {
	e := expected{parts: make(map[int32]arrival)}
	var deadline, logTime time.Time
	known := make(map[string]bool) // refused values
	each := 0
	for _, t := range c.time {
		if t.appended.After(logTime) {
			logTime = t.appended
		}
		open := len(e.parts) > 0 && e.failed == "" && e.complete.IsZero()
		late := open && logTime.Add(-forwardGrace).After(deadline)
		if t.cancels && t.conversation == c.name && t.partition == t.home() {
			e.cancel(late, d)
			continue
		}
		if each == len(c.arrived) || c.arrived[each].place != t.place {
			continue
		}
		a := c.arrived[each]
		each++
		if open && late && !a.at.After(deadline) {
			e.mayTimeOut = true
			if d == tooLate {
				e.failed = schemas.PartTimeout
			}
		}
		part, has := e.parts[a.seq]
		if d == expired && e.failed == "" && !e.startBy.IsZero() && a.appended.After(e.startBy.Add(-expiryLag)) && c.wasUsed(a) {
			e.failed = schemas.StartByPassed
		}
		switch {
		case known[a.value]:
			continue
		case a.key == "": // a call of its own
			e.parts[int32(len(e.parts)+1)] = a
			e.complete, e.calls = a.appended, 1
		case has && (part.content == a.content || a.single):
			continue // a resend
		case open && e.failed == "" && a.at.After(deadline):
			e.failed = schemas.PartTimeout
			fallthrough
		case e.failed != "":
			known[a.value] = true
			e.refused = append(e.refused, refusal{a, []schemas.Code{schemas.ConversationIDUsed}})
		case a.invalid != "":
			known[a.value] = true
			e.refuse(a, a.invalid)
		case len(e.parts) > 0 && a.calls != e.calls:
			known[a.value] = true
			e.refuse(a, schemas.CallsInConversationMismatch)
			e.fail(schemas.CallsInConversationMismatch)
		case has:
			known[a.value] = true
			e.refuse(a, schemas.SequenceCodeConflict)
			e.fail(schemas.SequenceCodeConflict)
		default:
			e.parts[a.seq], e.calls = a, a.calls
			if by := bigBang.Add(a.startBy); a.startBy > 0 && (e.startBy.IsZero() || by.Before(e.startBy)) {
				e.startBy = by
			}
			if due := a.at.Add(partTimeout); due.After(deadline) {
				deadline = due
			}
			if int32(len(e.parts)) == e.calls {
				e.complete = a.appended
			}
		}
	}
	switch {
	case d == expired:
		e.failed = schemas.StartByPassed
	case len(e.parts) > 0 && e.failed == "" && e.complete.IsZero():
		e.failed = schemas.PartTimeout
	}
	return e
}

// wasUsed reports whether a call was rejected because its conversation had ended.
func (c *observed) wasUsed(a arrival) bool {
	return slices.ContainsFunc(c.events, func(ev event) bool {
		call := ev.GetCall()
		return call.Results[0].CorrelationId == a.content && call.ErrorCode == string(schemas.ConversationIDUsed)
	})
}

// cancel is what a request to cancel does.
func (e *expected) cancel(late bool, d detour) {
	switch {
	case len(e.parts) == 0 || e.failed != "":
	case !e.complete.IsZero():
		e.mayCancel = true
	case late && d == tooLate:
		e.failed = schemas.PartTimeout
	default:
		e.failed, e.mayTimeOut = schemas.CodeCancelled, late
	}
}

// refuse adds a call that has a result of its own. After the end, whatever is wrong with it, its id was used.
func (e *expected) refuse(a arrival, code schemas.Code) {
	codes := []schemas.Code{code}
	if !e.complete.IsZero() {
		codes = append(codes, schemas.ConversationIDUsed)
	}
	e.refused = append(e.refused, refusal{a, codes})
}

// fail ends what has not begun.
func (e *expected) fail(code schemas.Code) {
	if e.complete.IsZero() {
		e.failed = code
	}
}

// statuses are how the parts must have ended. Where there is a choice, what was recorded makes it.
func (c *observed) statuses(e expected) map[int32]schemas.CallStatus {
	out := make(map[int32]schemas.CallStatus)
	failed := e.failed != ""
	for _, k := range sorted(e.parts) {
		part := e.parts[k]
		switch {
		case e.failed == schemas.CodeCancelled:
			out[k] = schemas.Cancelled
		case e.failed == schemas.StartByPassed:
			out[k] = schemas.Expired
		case failed:
			out[k] = schemas.NotProcessed
		default:
			allowed := c.endings(part)
			out[k] = allowed[0]
			for _, call := range c.finals(part) {
				if got := schemas.CallStatus(call.Status); slices.Contains(allowed, got) {
					out[k] = got
				}
			}
			failed = part.failOn.Fails(out[k]) && part.key != ""
		}
	}
	return out
}

// endings are how a part that is carried out may end.
func (c *observed) endings(part arrival) []schemas.CallStatus {
	t := c.plan.tempers[part.content]
	if t.defers && t.after == 0 {
		return []schemas.CallStatus{schemas.Error}
	}
	out := []schemas.CallStatus{t.status()}
	if part.alone {
		out = append(out, schemas.Cancelled)
	}
	if t.defers && t.after > deferTimeout-5*time.Second || part.route == "Once" && c.mayBeUnknown(part) {
		out = append(out, schemas.Error)
	}
	return out
}

// mayBeUnknown reports whether what came of a call that must not be repeated may be recorded as unknown: it was said to
// come again (which a process that has lost the partition keeps to itself), or who began it was disturbed.
func (c *observed) mayBeUnknown(part arrival) bool {
	clear := false
	for _, a := range c.attempts {
		if a.content != part.content {
			continue
		}
		if a.outcome == comeAgain || a.outcome == unsent || a.outcome == cancelled || a.outcome == "" || a.process.wasDisturbed() {
			return true
		}
		clear = true
	}
	return !clear
}

// finals are the results of a part.
func (c *observed) finals(part arrival) []*parleyv1.CallEvent {
	var out []*parleyv1.CallEvent
	for _, ev := range c.events {
		if call := ev.GetCall(); call.Results[0].CorrelationId == part.content && call.Status != string(schemas.Rejected) {
			out = append(out, call)
		}
	}
	return out
}

// once: a call that must not be repeated comes to the backend again only if it is proven that it was not handed over,
// and one for Kafka is there once for who reads what is committed.
func (c *observed) once(e expected, no verdict) {
	for i, a := range c.attempts {
		for _, b := range c.attempts[:i] {
			if a.route == "Once" && b.requestID == a.requestID && (b.outcome != unsent || b.ended.After(a.begun)) {
				no("an at-most-once call is carried out once", c.name, "%s comes again: attempt %d by %s, after one that ended %q", a.content, a.number, a.process.name, b.outcome)
			}
		}
	}
	for _, part := range e.parts {
		for _, call := range c.finals(part) {
			want := 0
			if part.route == "Log" && call.Status == string(schemas.OK) {
				want = 1
			}
			if n := c.requests[call.RequestId]; n != want {
				no("an exactly-once request is visible once", c.name, "%s %s is there %d times", part.content, call.Status, n)
			}
			if call.ErrorCode == string(schemas.OutcomeUnknown) && part.route != "Once" {
				no("only an at-most-once call has an unknown outcome", c.name, "%s", part.content)
			}
		}
	}
}

// startByLag is how long the commit of a beginning may take, at the most, before the attempt begins.
const startByLag = 12 * time.Second

// untouched: what was cancelled or has expired was not carried out, and what was not began in time.
func (c *observed) untouched(e expected, no verdict) {
	for _, a := range c.attempts {
		switch {
		case e.failed == schemas.CodeCancelled, e.failed == schemas.StartByPassed:
			no("what was cancelled or has expired was not carried out", c.name, "%s was, at %s", a.content, a.begun.Format("05.000000"))
		case !e.startBy.IsZero() && a == c.attempts[0] && a.begun.After(e.startBy.Add(startByLag)):
			no("a conversation begins in time, or not", c.name, "%s began %v late", a.content, a.begun.Sub(e.startBy))
		}
	}
}

// results: each call has one, and the right one.
func (c *observed) results(e expected, no verdict) {
	statuses := c.statuses(e)
	seen := make(map[string]int)
	for _, ev := range c.events {
		seen[ev.GetCall().RequestId]++
		if seen[ev.GetCall().RequestId] == 2 {
			no("a call has one final result", c.name, "%s (%s) has more", ev.GetCall().Results[0].CorrelationId, ev.GetCall().RequestId)
		}
	}
	for _, k := range sorted(e.parts) {
		part := e.parts[k]
		var got []string
		for _, call := range c.finals(part) {
			got = append(got, call.Status)
		}
		want := 1
		if part.key == "" {
			want = len(e.parts)
		}
		if len(got) != want {
			no("a call has one final result", c.name, "%s has %d: %q, want %d", part.content, len(got), got, want)
		} else if got[0] != string(statuses[k]) {
			no("a call ends as its conversation and its executor say", c.name, "%s ended %s, want %s", part.content, got[0], statuses[k])
		}
	}
	got := make(map[string][]string)
	for _, ev := range c.events {
		if call := ev.GetCall(); call.Status == string(schemas.Rejected) {
			got[call.Results[0].CorrelationId] = append(got[call.Results[0].CorrelationId], call.ErrorCode)
		}
	}
	want := make(map[string][]refusal)
	for _, r := range e.refused {
		want[r.content] = append(want[r.content], r)
	}
	for content, codes := range got {
		if len(codes) != len(want[content]) {
			no("what is refused has one result", c.name, "%s was rejected %d times: %q, want %d", content, len(codes), codes, len(want[content]))
		}
	}
	for content, refusals := range want {
		if len(got[content]) < len(refusals) {
			no("what is refused has one result", c.name, "%s was rejected %d times, want %d", content, len(got[content]), len(refusals))
			continue
		}
		for i, r := range refusals {
			if !slices.Contains(r.codes, schemas.Code(got[content][i])) {
				no("what is refused says why", c.name, "%s: %s, want one of %q", content, got[content][i], r.codes)
			}
		}
	}
}

// ending: the conversation ends once, as it must.
func (c *observed) ending(e expected, no verdict) {
	if len(e.parts) == 0 {
		if len(c.ends) > 0 {
			no("a conversation ends once", c.name, "it has no part, and ended")
		}
		return
	}
	want := 1
	if c.arrived[0].key == "" {
		want = len(e.parts)
	}
	if len(c.ends) != want {
		no("a conversation ends once", c.name, "it ended %d times, want %d", len(c.ends), want)
		return
	}
	status, code := schemas.ConversationComplete, e.failed
	if e.failed == "" {
		for k, s := range c.statuses(e) {
			if e.parts[k].failOn.Fails(s) {
				status, code = schemas.ConversationError, schemas.CallFailed
			}
		}
	} else {
		status = ends[e.failed]
	}
	if got := c.ends[0].GetConversation(); got.Status != string(status) || got.ErrorCode != string(code) {
		no("a conversation ends as it must", c.name, "%s %s, want %s %s", got.Status, got.ErrorCode, status, code)
	}
}

// ends are how conversations end that did not begin, by why.
var ends = map[schemas.Code]schemas.ConversationStatus{
	schemas.PartTimeout:                 schemas.ConversationError,
	schemas.SequenceCodeConflict:        schemas.ConversationError,
	schemas.CallsInConversationMismatch: schemas.ConversationError,
	schemas.CodeCancelled:               schemas.ConversationCancelled,
	schemas.StartByPassed:               schemas.ConversationExpired,
}

// order: parts run in the order of their sequence codes, when all have arrived, each when the end of the one before is
// committed, none after the end.
func (c *observed) order(e expected, no verdict) {
	for _, a := range c.attempts {
		if a.unleased {
			continue
		}
		part, ok := e.parts[max(1, a.seq)]
		if c.arrived[0].key != "" && (!ok || part.content != a.content) {
			no("only parts are carried out", c.name, "%s is none", a.content)
		}
		if e.failed != "" && e.complete.IsZero() {
			no("no part runs before all have arrived", c.name, "%s began, and the conversation failed: %s", a.content, e.failed)
			continue
		}
		if a.begun.Before(bigBang.Add(part.scheduled)) {
			no("no part runs before its time", c.name, "%s began at %s", a.content, a.begun.Format("05.000000"))
		}
		if a.begun.Before(e.complete) && c.arrived[0].key != "" {
			no("no part runs before all have arrived", c.name, "%s began at %s", a.content, a.begun.Format("05.000000"))
		}
		for _, ev := range c.events {
			call := ev.GetCall()
			switch {
			case call.Status == string(schemas.Rejected) || call.ConversationId == "" && call.RequestId != a.requestID:
			case call.RequestId == a.requestID && after(a.begun, ev.committed):
				no("no part runs after its end", c.name, "%s attempt %d began %v after its result", a.content, a.number, a.begun.Sub(ev.committed))
			case call.SequenceCode > a.seq && after(a.begun, ev.committed):
				no("parts run in order", c.name, "%s began after %s had ended", a.content, call.Results[0].CorrelationId)
			case call.SequenceCode == a.seq-1 && a.begun.Before(ev.committed) && part.route != "Quick":
				no("a part runs when the end of the one before is committed", c.name, "%s began %v before", a.content, ev.committed.Sub(a.begun))
			}
		}
		for _, other := range c.attempts {
			if !other.unleased && other.conversation == a.conversation && other.seq < a.seq && other.begun.After(a.begun) && !c.repeats(other) {
				no("parts run in order", c.name, "%s attempt %d began after %s", other.content, other.number, a.content)
			}
		}
	}
}

// leases: an attempt begins while its process is sure to be the owner; so none of a former owner begins after one of a
// later owner.
func (c *observed) leases(no verdict) {
	for i, a := range c.attempts {
		if a.unleased {
			no("no attempt begins without a lease", c.name, "%s attempt %d by %s", a.content, a.number, a.process.name)
		}
		for _, b := range c.attempts[:i] {
			if b.fence > a.fence && (b.requestID == a.requestID || c.arrived[0].key != "") {
				no("fences rise", c.name, "%s by %s begins with fence %d, after %s by %s had %d", a.content, a.process.name, a.fence, b.content, b.process.name, b.fence)
			}
		}
	}
}

// repeats reports whether an attempt asks a backend again that had answered, and says the same again: the route is
// idempotent.
func (c *observed) repeats(a *attempt) bool {
	return a.route == "Quick" && slices.ContainsFunc(c.attempts, func(b *attempt) bool {
		return b.requestID == a.requestID && (b.answered() || b.outcome == later) && b.ended.Before(a.begun)
	})
}

// after reports whether something seen at a nanosecond came after what is known to the millisecond.
func after(at, committed time.Time) bool { return at.Truncate(time.Millisecond).After(committed) }

func sorted(parts map[int32]arrival) []int32 {
	var out []int32
	for k := range parts {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (f failure) String() string {
	return fmt.Sprintf("%s: %s %s", f.invariant, f.conversation, f.text)
}
