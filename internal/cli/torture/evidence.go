package torture

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"parley/internal/backend"
	"parley/internal/cli/tour"
	"parley/internal/topics"
	"parley/schemas"
)

// evidence is the three records side by side: what was acknowledged, what the backends saw, what ClickHouse holds.
type evidence struct {
	*checks
	stories []story
	entries map[*call]*entry
	rows    []row
	// journal is what came to the demo backend, requests what came by Kafka, both in order.
	journal  []backend.Execution
	requests []request
	// woken is when members were that had been frozen.
	woken []time.Time

	storyOf map[*call]*story
	rowsOf  map[*call][]row
	// againOf are the rows of a call in the conversation that resubmits its own.
	againOf map[*call][]row
	rowOf   map[string]row // by request id
	seenOf  map[string][]backend.Execution
	sentOf  map[string][]request
}

// evidence collects the records.
func (r *run) evidence(rows []row) (*evidence, error) {
	journal, err := tour.ReadJournal(filepath.Join(r.group.dir, journalName))
	if err != nil {
		return nil, err
	}
	requests, err := r.responder.seen()
	if err != nil {
		return nil, err
	}
	e := &evidence{
		checks: r.checks, stories: r.plan.stories, entries: r.ledger.entries, rows: rows, journal: journal, requests: requests, woken: r.woken,
		storyOf: make(map[*call]*story), rowsOf: make(map[*call][]row), againOf: make(map[*call][]row), rowOf: make(map[string]row),
		seenOf: make(map[string][]backend.Execution), sentOf: make(map[string][]request),
	}
	for i := range e.stories {
		for _, c := range e.stories[i].calls {
			e.storyOf[c] = &e.stories[i]
		}
	}
	for _, one := range rows {
		e.rowOf[one.id] = one
		switch {
		case one.call == nil:
		case one.again:
			e.againOf[one.call] = append(e.againOf[one.call], one)
		default:
			e.rowsOf[one.call] = append(e.rowsOf[one.call], one)
		}
	}
	for _, x := range journal {
		e.seenOf[x.RequestID] = append(e.seenOf[x.RequestID], x)
	}
	for _, q := range requests {
		e.sentOf[q.RequestID] = append(e.sentOf[q.RequestID], q)
	}
	return e, nil
}

// What the demo backend's journal says of an attempt, by its HTTP status.
const (
	statusExecuted = 200
	statusDeferred = 202
	statusFenced   = 409
)

const (
	ruleResult    rule = "acknowledged calls with a final result"
	ruleOneResult rule = "calls with no more than one final result"
	ruleKnown     rule = "results of calls that were sent"
	ruleResultID  rule = "results under a request id that was told"
)

// results: every acknowledged call has one result, and nothing else has any.
func (e *evidence) results() {
	for _, one := range e.rows {
		if one.call == nil {
			e.broke(ruleKnown, "%s %s has a digest that nobody sent", one.id, one.status)
		} else {
			e.held(ruleKnown)
		}
	}
	for c, sent := range e.entries {
		rows := e.rowsOf[c]
		if len(rows) > 0 || !sent.acknowledged {
			e.held(ruleResult)
		} else {
			e.broke(ruleResult, "%s (%s), sent at %s", c.name(), c.route, clock(sent.sent))
		}
		if len(rows) <= 1 || rejectedEach(rows, sent) {
			e.held(ruleOneResult)
		} else {
			e.broke(ruleOneResult, "%s (%s), sent at %s: %d results %s", c.name(), c.route, clock(sent.sent), len(rows), statuses(rows))
		}
		// One spelling, one request id; with several, the other ids refer to the first.
		if len(rows) == 1 && len(sent.digests) == 1 && len(sent.ids) > 0 {
			if _, same := sent.ids[rows[0].id]; same && len(sent.ids) == 1 {
				e.held(ruleResultID)
			} else {
				e.broke(ruleResultID, "%s: told %d ids, recorded as %s", c.name(), len(sent.ids), rows[0].id)
			}
		}
	}
}

// rejectedEach reports whether the spellings of a call were rejected one by one: of what is rejected, the content is not
// kept.
func rejectedEach(rows []row, sent *entry) bool {
	return len(rows) <= len(sent.digests) && !slices.ContainsFunc(rows, func(one row) bool { return one.status != schemas.Rejected }) && len(rows) > 0
}

const (
	ruleComplete   rule = "conversations of which a backend saw nothing before all parts were sent"
	ruleOrder      rule = "attempts by HTTP in the order of their conversation"
	ruleKafkaOrder rule = "requests by Kafka in the order of their conversation"
)

// order: nothing before all parts, and each part after the one before it.
func (e *evidence) order() {
	type progress struct {
		code  int32
		fence int64 // the highest under which it was attempted
	}
	reached := make(map[string]*progress)
	deferred := make(map[string]bool)
	reachedBy := make(map[string]int32) // the last attempt at a call
	for _, x := range e.journal {
		if x.ConversationID == "" {
			continue
		}
		key := x.Account + "/" + x.ConversationID
		p := reached[key]
		if p == nil {
			p = new(progress)
			reached[key] = p
			e.complete(x)
		}
		switch {
		case x.Status == statusDeferred:
			deferred[x.RequestID] = true
		case x.Status == statusFenced, deferred[x.RequestID] && x.SequenceCode < p.code:
			continue // refused; or the backend itself comes back to what it deferred
		}
		reachedBy[x.RequestID] = max(reachedBy[x.RequestID], x.Attempt)
		if x.SequenceCode < p.code && (e.mayRepeat(x) || x.Fence <= p.fence && e.straggles(x, reachedBy[x.RequestID])) {
			e.held(ruleOrder)
			continue
		}
		if x.SequenceCode < p.code {
			e.broke(ruleOrder, "%s: part %d (attempt %d, fence %d, status %d, repeated %t) at %s after part %d, ended %s", key, x.SequenceCode, x.Attempt, x.Fence, x.Status, x.Repeated, clock(x.At), p.code, e.rowOf[x.RequestID].code)
			continue
		}
		e.held(ruleOrder)
		p.code, p.fence = x.SequenceCode, max(p.fence, x.Fence)
	}
	last := make(map[string]int32)
	for _, q := range e.requests {
		key := q.topic + " " + q.Account + "/" + q.ConversationID
		if q.ConversationID == "" {
			continue
		}
		if q.SequenceCode <= last[key] {
			e.broke(ruleKafkaOrder, "%s: part %d after part %d", key, q.SequenceCode, last[key])
			continue
		}
		e.held(ruleKafkaOrder)
		last[key] = q.SequenceCode
	}
}

// mayRepeat reports whether an attempt repeats what was executed or refused, on the route where all parts of a turn that
// was not committed are begun again, from the first.
func (e *evidence) mayRepeat(x backend.Execution) bool {
	one := e.rowOf[x.RequestID]
	return (x.Repeated || x.Status == statusRefused) && one.call != nil && one.call.route == routeIdempotent
}

// straggles reports whether an attempt may have been begun in time, and have been on its way to the backend for longer
// than its timeout: a later one was there before it, and the backend knew it, or nobody knew what came of it, and so the
// conversation went on. One under a higher fence than the part that is ahead of it was begun behind that: a next owner who did not
// know that the conversation had gone on has made it again.
func (e *evidence) straggles(x backend.Execution, last int32) bool {
	return x.Repeated && x.Attempt < last || e.rowOf[x.RequestID].code == schemas.OutcomeUnknown
}

// complete looks at the first attempt of a conversation.
func (e *evidence) complete(x backend.Execution) {
	sent := make(map[int32]time.Time)
	one, ok := e.rowOf[x.RequestID]
	if !ok || one.call == nil || one.again {
		return // said elsewhere
	}
	for _, c := range e.storyOf[one.call].calls {
		if entry, ok := e.entries[c]; ok && (sent[c.code].IsZero() || entry.sent.Before(sent[c.code])) {
			sent[c.code] = entry.sent
		}
	}
	for code := int32(1); code <= x.CallsInConversation; code++ {
		if at := sent[code]; at.IsZero() || at.After(x.At) {
			e.broke(ruleComplete, "%s/%s: part %d was attempted at %s, part %d was sent at %s", x.Account, x.ConversationID, x.SequenceCode, clock(x.At), code, clock(at))
			return
		}
	}
	e.held(ruleComplete)
}

const (
	ruleUntouched  rule = "calls that were not processed, of which no backend knows"
	ruleExecuted   rule = "calls with a result of a backend, which executed them once"
	ruleOnce       rule = "at-most-once calls that the backend saw at most once"
	ruleExactly    rule = "exactly-once requests that a read_committed reader sees once"
	ruleKey        rule = "attempts under the one request id, and Idempotency-Key, of their call"
	ruleStrange    rule = "attempts at calls that have a result"
	ruleMaybeKafka rule = "requests by Kafka of calls that have a result"
)

// executions: who saw a call how often.
func (e *evidence) executions() {
	for _, one := range e.rows {
		if one.call == nil {
			continue
		}
		seen, sent := e.seenOf[one.id], e.sentOf[one.id]
		switch one.status {
		case schemas.NotProcessed, schemas.Rejected, schemas.Cancelled, schemas.Expired:
			if len(seen)+len(sent) > 0 {
				e.broke(ruleUntouched, "%s %s %s: %d attempts, %d requests", one.call.name(), one.status, one.code, len(seen), len(sent))
			} else {
				e.held(ruleUntouched)
			}
		case schemas.OK, schemas.HasErrors:
			if n := executed(seen) + len(sent); n != 1 {
				e.broke(ruleExecuted, "%s (%s) %s: executed %d times", one.call.name(), one.call.route, one.status, n)
			} else {
				e.held(ruleExecuted)
			}
		}
		if one.call.route == routeOnce && len(seen) > 0 {
			e.atMostOnce(one, seen)
		}
	}
	for _, x := range e.journal {
		one, ok := e.rowOf[x.RequestID]
		switch {
		case !ok:
			e.broke(ruleStrange, "%s of %s/%s/%d has no result", x.RequestID, x.Account, x.ConversationID, x.SequenceCode)
			continue
		case x.IdempotencyKey != x.RequestID:
			e.broke(ruleKey, "%s has the key %s", x.RequestID, x.IdempotencyKey)
			continue
		case one.call != nil:
			e.held(ruleKey)
		}
		e.held(ruleStrange)
	}
	for id, sent := range e.sentOf {
		if _, ok := e.rowOf[id]; !ok {
			e.broke(ruleMaybeKafka, "%s has no result", id)
		} else {
			e.held(ruleMaybeKafka)
		}
		if len(sent) == 1 && sent[0].key == id {
			e.held(ruleExactly)
		} else {
			e.broke(ruleExactly, "%s: %d requests", id, len(sent))
		}
	}
}

// atMostOnce: the backend saw a call once, beside the times that it said when it would be back.
func (e *evidence) atMostOnce(one row, seen []backend.Execution) {
	handed := 0
	for i, x := range seen {
		putOff := x.Status == 503 && one.call.told.RetryAfter > 0 && i < one.call.told.FailTimes
		answered := i > 0 && seen[i-1].Status == statusDeferred && x.Status == statusExecuted // by itself, later
		repeated := answered || i > 1 && x.Repeated && one.call.told.Defer == backend.DeferTwice
		if !putOff && !repeated {
			handed++
		}
	}
	if handed > 1 {
		e.broke(ruleOnce, "%s: %s", one.call.name(), attempts(seen))
		return
	}
	e.held(ruleOnce)
}

// executed counts the attempts that did something.
func executed(seen []backend.Execution) int {
	n := 0
	for _, x := range seen {
		if x.Status == statusExecuted && !x.Repeated {
			n++
		}
	}
	return n
}

const (
	ruleFence      rule = "attempts by HTTP that did not come after those of the next owner of their partition"
	ruleKafkaFence rule = "requests by Kafka under a fence that does not go down"
)

// wakes is how long a member that wakes may go on with what it had begun before it was frozen, between its look at the
// lease and the first byte of a request: to the backend, which refuses it by its fence.
const wakes = time.Second

// fenced reports whether an attempt that the backend refused as one of a former owner may have come.
func (e *evidence) fenced(x backend.Execution) bool {
	return x.Status == statusFenced && slices.ContainsFunc(e.woken, func(at time.Time) bool {
		late := x.At.Sub(at)
		return 0 <= late && late < wakes
	})
}

// stragglers is how long an attempt may be on its way to the backend, and wait there as it was told, when its partition
// gets another owner.
const stragglers = time.Second

// fences: the fence of a partition does not go down, but for attempts that were under way when it rose. That shows an owner
// whose lease has ended.
func (e *evidence) fences() {
	type height struct {
		fence int64
		since time.Time
	}
	highest := make(map[int32]height)
	deferred := make(map[string]bool)
	for _, x := range e.journal {
		p := partitionOf(x.Account, x.ConversationID, x.RequestID)
		top := highest[p]
		late := deferred[x.RequestID] && x.Status == statusExecuted // of the backend itself
		deferred[x.RequestID] = deferred[x.RequestID] || x.Status == statusDeferred
		switch {
		case x.Fence > top.fence:
			highest[p] = height{x.Fence, x.At}
			e.held(ruleFence)
		case x.Fence == top.fence, e.fenced(x), late, x.At.Sub(top.since) < stragglers:
			e.held(ruleFence)
		default:
			e.broke(ruleFence, "partition %d: fence %d at %s, %d since %s: %s/%s/%d status %d", p, x.Fence, clock(x.At), top.fence, clock(top.since), x.Account, x.ConversationID, x.SequenceCode, x.Status)
		}
	}
	type lane struct {
		topic     string
		partition int32
	}
	fences := make(map[lane]int64)
	for _, q := range e.requests {
		l := lane{q.topic, partitionOf(q.Account, q.ConversationID, q.RequestID)}
		if q.fence < fences[l] {
			e.broke(ruleKafkaFence, "partition %d: fence %d after %d", l.partition, q.fence, fences[l])
			continue
		}
		e.held(ruleKafkaFence)
		fences[l] = q.fence
	}
}

// partitionOf is the partition of parley.calls that a call belongs to.
func partitionOf(account, conversation, id string) int32 {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return -1
	}
	return topics.Partition(schemas.RecordKey(account, conversation, parsed), partitions)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

func statuses(rows []row) string {
	texts := make([]string, len(rows))
	for i, one := range rows {
		texts[i] = strings.TrimSpace(string(one.status) + " " + string(one.code))
	}
	return strings.Join(texts, ", ")
}

func attempts(seen []backend.Execution) string {
	texts := make([]string, len(seen))
	for i, x := range seen {
		texts[i] = strings.Join([]string{clock(x.At), cmp.Or(x.Outcome, "?")}, " ")
		if x.Repeated {
			texts[i] += " (repeated)"
		}
	}
	return strings.Join(texts, ", ")
}
