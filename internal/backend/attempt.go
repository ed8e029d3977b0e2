package backend

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"strconv"
	"time"
)

// attempt is one request for one call.
type attempt struct {
	call  *Call
	key   string // Idempotency-Key; empty: the call is never a repetition
	fence int64  // 0: none
	token string // what the call can be answered with later
	late  bool   // the backend itself comes back to what it deferred
}

// name is by what attempts at the same call are known.
func (a attempt) name() string { return cmp.Or(a.key, a.call.Account+"/"+a.call.RequestID) }

// answer is what the backend says to an attempt.
type answer struct {
	status     int
	body       []byte // JSON; nil: none
	retryAfter int    // seconds; 0: it is not said
}

// act decides on an attempt, writes it down and says what to answer. The error is the journal's: the backend
// executes nothing any more, and nothing was answered that it could forget.
func (b *Backend) act(a attempt) (answer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return answer{}, b.broken
	}
	e, reply := b.decide(a)
	if err := b.write(e); err != nil {
		return answer{}, err
	}
	if done, executed := b.apply(e); executed {
		return done, nil
	}
	return reply, nil
}

// decide says what to write down, and what to answer if that is not an execution.
func (b *Backend) decide(a attempt) (journalEntry, answer) {
	e := journalEntry{Execution: b.execution(a)}
	if highest, _ := b.fences.get(e.conversation()); 0 < a.fence && a.fence < highest && !a.late {
		e.Outcome, e.Status = outcomeFenced, http.StatusConflict
		return e, because(e.Status, "StaleFence", fmt.Sprintf("fence %d is of an owner that one with %d has replaced", a.fence, highest))
	}
	if first, ok := b.answers.get(a.key); ok {
		e.Outcome, e.Status, e.Repeated = outcomeExecuted, first.status, true
		return e, first
	}
	if refusal, outcome := b.refuse(a); outcome != "" && !a.late {
		e.Outcome, e.Status = outcome, refusal.status
		return e, refusal
	}
	e.Outcome, e.Status, e.Call = outcomeExecuted, http.StatusOK, a.call
	return e, answer{}
}

// refuse returns the answer to an attempt that is not to be executed, and what that is in the log; else "".
func (b *Backend) refuse(a attempt) (refusal answer, outcome string) {
	told := a.call.told()
	failed, _ := b.failures.get(a.name())
	switch {
	case told.FailTimes > failed, told.FailTimes == 0 && told.Status != 0:
		return told.refusal(), outcomeFailed
	case b.failsAtRandom(a):
		return Behavior{Message: "failed at random, as configured"}.refusal(), outcomeFailed
	case told.Defer != "":
		return answer{status: http.StatusAccepted}, outcomeDeferred
	}
	return answer{}, ""
}

// write puts an entry into the journal, if there is one.
func (b *Backend) write(e journalEntry) error {
	if b.journal == nil {
		return nil
	}
	if err := b.journal.append(e); err != nil {
		b.broken = err // half a line may be there
		b.cfg.Log.Error("backend executes nothing any more", "error", err)
		return err
	}
	return nil
}

// apply makes an entry part of what the backend knows, and returns the answer if that executes a call.
func (b *Backend) apply(e journalEntry) (done answer, executed bool) {
	b.executions.add(e.Execution)
	if highest, _ := b.fences.get(e.conversation()); e.Fence > highest {
		b.fences.put(e.conversation(), e.Fence, 0)
	}
	if e.Outcome == outcomeFailed {
		name := attempt{call: &Call{Account: e.Account, RequestID: e.RequestID}, key: e.IdempotencyKey}.name()
		failed, _ := b.failures.get(name)
		b.failures.put(name, failed+1, 0)
	}
	if e.Call == nil {
		return answer{}, false
	}
	done = answer{status: e.Status, body: encode(struct {
		RequestID string   `json:"requestId"`
		Results   []Result `json:"results"`
	}{e.RequestID, b.store.execute(e.Call)})}
	if e.IdempotencyKey != "" {
		b.answers.put(e.IdempotencyKey, done, len(done.body))
	}
	return done, true
}

// replay takes what an earlier process wrote down.
func (b *Backend) replay(e journalEntry) { b.apply(e) }

// execution is the log entry of an attempt, without what comes of it.
func (b *Backend) execution(a attempt) Execution {
	c := a.call
	return Execution{
		Sequence: b.executions.last + 1, At: time.Now().UTC(),
		Account: c.Account, RequestID: c.RequestID, ConversationID: c.ConversationID,
		SequenceCode: c.SequenceCode, CallsInConversation: c.CallsInConversation, Attempt: c.Attempt, Method: c.Method,
		IdempotencyKey: a.key, Fence: a.fence,
	}
}

// failsAtRandom decides by the failure rate, from what the attempt is alone.
func (b *Backend) failsAtRandom(a attempt) bool {
	h := fnv.New64a()
	for _, part := range []string{strconv.FormatUint(b.cfg.Seed, 10), a.name(), strconv.Itoa(int(a.call.Attempt))} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	// FNV leaves the high bits of short texts alike; the odd constant of splitmix64 spreads them.
	return float64(h.Sum64()*0x9e3779b97f4a7c15)/math.MaxUint64 < b.cfg.FailureRate
}
