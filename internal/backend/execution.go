package backend

import (
	"cmp"
	"time"
)

// What came of an attempt.
const (
	outcomeExecuted = "executed"
	outcomeFailed   = "failed"   // told to fail, or by the failure rate; not executed
	outcomeDeferred = "deferred" // told to defer; if it is executed, that is an entry of its own
	outcomeFenced   = "fenced"   // from an owner that has been replaced; not executed
)

// Execution is one attempt at a call, as the backend saw it.
type Execution struct {
	// Sequence counts from 1, in the order in which the backend acted.
	Sequence            int64     `json:"sequence"`
	At                  time.Time `json:"at"`
	Account             string    `json:"account"`
	RequestID           string    `json:"requestId"`
	ConversationID      string    `json:"conversationId"`
	SequenceCode        int32     `json:"sequenceCode"`
	CallsInConversation int32     `json:"callsInConversation"`
	Attempt             int32     `json:"attempt"`
	Method              string    `json:"method"`
	IdempotencyKey      string    `json:"idempotencyKey"`
	Fence               int64     `json:"fence,omitempty"` // Parley-Fence; 0: none
	Outcome             string    `json:"outcome"`
	Status              int       `json:"status"` // of the HTTP answer

	// Repeated says that the key had been executed before: nothing was done, the first answer was given.
	Repeated bool `json:"repeated"`
}

// conversation is what fences are compared within.
func (e *Execution) conversation() string {
	return e.Account + "/" + cmp.Or(e.ConversationID, e.RequestID)
}

// ring is the log of the latest executions. It is guarded by its owner.
type ring struct {
	kept []Execution // full: the oldest is at next
	next int
	last int64 // sequence of the newest
	max  int
}

func (r *ring) add(e Execution) {
	r.last = e.Sequence
	if len(r.kept) < r.max {
		r.kept = append(r.kept, e)
		return
	}
	r.kept[r.next] = e
	r.next = (r.next + 1) % r.max
}

// oldest is the sequence of the first entry that is kept; 0 if there is none.
func (r *ring) oldest() int64 {
	if len(r.kept) == 0 {
		return 0
	}
	return r.last - int64(len(r.kept)) + 1
}

// after returns up to limit executions with a sequence above the given one, oldest first.
func (r *ring) after(sequence int64, limit int) []Execution {
	oldest := r.oldest()
	from := max(sequence+1, oldest)
	n := min(max(r.last-from+1, 0), int64(limit))
	found := make([]Execution, 0, n)
	for i := from - oldest; int64(len(found)) < n; i++ {
		found = append(found, r.kept[(r.next+int(i))%len(r.kept)])
	}
	return found
}
