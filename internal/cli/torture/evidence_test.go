package torture

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/internal/backend"
	"parley/schemas"
)

var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at is a time of a story, in seconds.
func at(seconds float64) time.Time {
	return midnight.Add(time.Duration(seconds * float64(time.Second)))
}

func idOf(code int32) string { return uuid.UUID{15: byte(code)}.String() }

// wellDone is the evidence of a conversation of four parts that went as it must: by HTTP, by HTTP at most once, by
// Kafka, and not at all, because the third one failed.
func wellDone() *evidence {
	e := &evidence{
		checks: newChecks(), entries: make(map[*call]*entry),
		storyOf: make(map[*call]*story), rowsOf: make(map[*call][]row), againOf: make(map[*call][]row), rowOf: make(map[string]row),
		seenOf: make(map[string][]backend.Execution), sentOf: make(map[string][]request),
	}
	e.stories = []story{{command: command{kind: resubmits, verdict: taken}}}
	s := &e.stories[0]
	for i, route := range []string{routePlain, routeOnce, routeAsk, routePlain} {
		code := int32(i + 1)
		c := &call{place: place{account: "acme", conversation: "story", code: code}, of: 4, route: route, objects: 1}
		s.calls = append(s.calls, c)
		e.storyOf[c] = s
		e.entries[c] = &entry{
			call: c, sent: at(float64(i)), acknowledged: true,
			ids: map[string]struct{}{idOf(code): {}}, digests: map[string]struct{}{c.name(): {}},
		}
		one := row{call: c, id: idOf(code), status: schemas.OK, accepted: at(float64(i))}
		x := backend.Execution{
			At: at(10 + float64(i)), Account: "acme", ConversationID: "story", RequestID: one.id, IdempotencyKey: one.id,
			SequenceCode: code, CallsInConversation: 4, Fence: 3, Status: statusExecuted,
		}
		switch code {
		case 3:
			one.status, one.code = schemas.Error, schemas.DeferredTimeout
			e.requests = append(e.requests, request{Call: backend.Call{Account: "acme", ConversationID: "story", RequestID: one.id, SequenceCode: code}, key: one.id, fence: 3, topic: "asked"})
		case 4:
			one.status, one.code = schemas.NotProcessed, schemas.CallFailed
			e.againOf[c] = []row{{call: c, id: idOf(14), again: true, status: schemas.OK}}
		default:
			e.journal = append(e.journal, x)
		}
		e.rows = append(e.rows, one)
	}
	return e
}

// fencedAt is a second attempt under a former owner's fence, which the backend refuses.
func fencedAt(e *evidence, seconds float64) backend.Execution {
	x := e.journal[0]
	x.At, x.Fence, x.Status = at(seconds), 2, statusFenced
	return x
}

// judge looks at the evidence from all sides, and returns the rules that are broken.
func judge(e *evidence) []rule {
	for _, one := range e.rows {
		e.rowOf[one.id] = one
		if one.call != nil {
			e.rowsOf[one.call] = append(e.rowsOf[one.call], one)
		}
	}
	for _, x := range e.journal {
		e.seenOf[x.RequestID] = append(e.seenOf[x.RequestID], x)
	}
	for _, q := range e.requests {
		e.sentOf[q.RequestID] = append(e.sentOf[q.RequestID], q)
	}
	for _, look := range []func(){e.results, e.order, e.executions, e.fences, e.reasons, e.commands} {
		look()
	}
	return broken(e.checks)
}

// Each rule is broken by what it is there for, and by nothing else.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		tamper func(*evidence)
		want   []rule
	}{
		{"all is well", func(*evidence) {}, nil},
		{"a result is lost", func(e *evidence) { e.rows = e.rows[:3] }, []rule{ruleResult}},
		{"a result is there twice", func(e *evidence) {
			again := e.rows[3]
			again.id = idOf(9)
			e.rows = append(e.rows, again)
		}, []rule{ruleOneResult}},
		{"a result of nobody", func(e *evidence) { e.rows = append(e.rows, row{id: idOf(9), status: schemas.OK}) }, []rule{ruleKnown}},
		{"a result under another id", func(e *evidence) { e.rows[3].id = idOf(9) }, []rule{ruleResultID}},
		{"out of order", func(e *evidence) { slices.Reverse(e.journal) }, []rule{ruleOrder}},
		{"repeated with the turn", func(e *evidence) {
			e.stories[0].calls[0].route = routeIdempotent
			x := e.journal[0]
			x.Repeated = true
			e.journal = append(e.journal, x)
		}, nil},
		{"repeated without reason", func(e *evidence) {
			x := e.journal[0]
			x.Repeated = true
			e.journal = append(e.journal, x)
		}, []rule{ruleOrder}},
		{"repeated by an attempt that was given up", func(e *evidence) {
			x := e.journal[0]
			e.journal[0].Attempt, x.Repeated = 2, true
			e.journal = append(e.journal, x)
		}, nil},
		{"begun again by the next owner", func(e *evidence) {
			x := e.journal[0]
			e.journal[0].Attempt, x.Repeated, x.Fence = 2, true, 4
			e.journal = append(e.journal, x)
		}, []rule{ruleOrder}},
		{"begun in time, nobody knew what came of it", func(e *evidence) {
			e.rows[0].code = schemas.OutcomeUnknown
			slices.Reverse(e.journal)
		}, nil},
		{"begun by the next owner, nobody knew what came of it", func(e *evidence) {
			e.rows[0].code, e.journal[0].Fence = schemas.OutcomeUnknown, 4
			slices.Reverse(e.journal)
		}, []rule{ruleOrder}},
		{"begun too early", func(e *evidence) { e.journal[0].At = at(2.5) }, []rule{ruleComplete}},
		{"begun without a part", func(e *evidence) { delete(e.entries, e.stories[0].calls[3]) }, []rule{ruleComplete}},
		{"carried out after the end", func(e *evidence) {
			x := e.journal[1]
			x.RequestID, x.IdempotencyKey, x.SequenceCode = idOf(4), idOf(4), 4
			e.journal = append(e.journal, x)
		}, []rule{ruleUntouched}},
		{"well without an execution", func(e *evidence) { e.journal = e.journal[:1] }, []rule{ruleExecuted}},
		{"executed twice", func(e *evidence) { e.journal = slices.Insert(e.journal, 1, e.journal[0]) }, []rule{ruleExecuted}},
		{"at most once, seen twice", func(e *evidence) {
			x := e.journal[1]
			x.Repeated = true
			e.journal = append(e.journal, x)
		}, []rule{ruleOnce}},
		{"at most once, put off", func(e *evidence) {
			e.stories[0].calls[1].told = backend.Behavior{FailTimes: 1, RetryAfter: 1}
			x := e.journal[1]
			x.Status = 503
			e.journal = slices.Insert(e.journal, 1, x)
		}, nil},
		{"another key", func(e *evidence) { e.journal[0].IdempotencyKey = "x" }, []rule{ruleKey}},
		{"an attempt at nothing", func(e *evidence) {
			x := e.journal[1]
			x.RequestID = idOf(9)
			e.journal = append(e.journal, x)
		}, []rule{ruleStrange}},
		{"exactly once, twice", func(e *evidence) { e.requests = append(e.requests, e.requests[0]) }, []rule{ruleKafkaOrder, ruleExactly}},
		{"a fence goes down", func(e *evidence) {
			e.journal[1].Fence = 2
			e.journal[1].At = at(20)
		}, []rule{ruleFence}},
		{"a fence goes down while an attempt is under way", func(e *evidence) {
			e.journal[1].Fence = 2
			e.journal[1].At = at(10.5)
		}, nil},
		{"a fence goes down, and the backend refuses", func(e *evidence) {
			e.journal = append(e.journal, fencedAt(e, 20))
		}, []rule{ruleFence}},
		{"a fence goes down, and the backend refuses who wakes", func(e *evidence) {
			e.journal = append(e.journal, fencedAt(e, 20))
			e.woken = []time.Time{at(19.9)}
		}, nil},
		{"a fence goes down in Kafka", func(e *evidence) {
			q := e.requests[0]
			q.fence, q.SequenceCode, q.RequestID, q.key = 2, 4, idOf(14), idOf(14)
			e.requests = append(e.requests, q)
			e.rowOf[idOf(14)] = e.againOf[e.stories[0].calls[3]][0]
		}, []rule{ruleKafkaFence}},
		{"refused for no reason", func(e *evidence) { e.rows[3].status, e.rows[3].code = schemas.Rejected, schemas.SequenceCodeConflict }, []rule{ruleReason, ruleAgain}},
		{"a part timeout without a gap", func(e *evidence) { e.rows[3].code = schemas.PartTimeout }, []rule{rulePartTimeout}},
		{"not run again", func(e *evidence) { clear(e.againOf) }, []rule{ruleAgain}},
		{"run again for no reason", func(e *evidence) {
			c := e.stories[0].calls[0]
			e.againOf[c] = []row{{call: c, id: idOf(11), again: true, status: schemas.OK}}
		}, []rule{ruleAgain}},
		{"cancelled, and carried out", func(e *evidence) { e.stories[0].command.kind = cancels }, []rule{ruleCancelled}},
	} {
		e := wellDone()
		c.tamper(e)
		if got := judge(e); !slices.Equal(got, c.want) {
			t.Errorf("%s: broken are %q, want %q", c.name, got, c.want)
		}
	}
}
