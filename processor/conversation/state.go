package conversation

import (
	"time"

	"parley/schemas"
)

// Phase is how far a conversation has come.
type Phase int32

const (
	// New is the zero state: nothing has been accepted.
	New Phase = iota
	// Staging waits for parts.
	Staging
	// Processing executes the parts in the order of their sequence codes.
	Processing
	// Ended is final; the state is a marker which keeps the ConversationID from being used again.
	Ended
)

func (p Phase) String() string {
	return [...]string{"New", "Staging", "Processing", "Ended"}[p]
}

// State is everything that decides what happens to a conversation next. It holds no payload.
type State struct {
	Phase Phase
	// Single is a call without a ConversationID, a conversation of one.
	Single bool
	// Calls is CallsInConversation as its first part declared it, at least 1.
	Calls int32
	// Received tells which parts have arrived.
	Received Parts
	// Deadline is the log time by which the next part must arrive. Zero unless Staging.
	Deadline time.Time
	// StartBy is when the conversation expires unless its first attempt has begun, by the owner's clock: the earliest
	// of its parts. Zero: never, or it has begun.
	StartBy time.Time
	// Priority is the highest of the parts.
	Priority schemas.Priority
	// Scheduled is set when a part has a time of its own before which it must not begin.
	Scheduled bool
	// Tells is set when a part has somebody told of the end of the conversation: then what its calls came to is kept until
	// it has ended.
	Tells bool
	// AcceptedAt is the append time of the first part.
	AcceptedAt time.Time
	// StartedAt is when the first attempt of the first part began, by the owner's clock. Zero before.
	StartedAt time.Time
	// Ready is the offset in parley.calls of the record that completed the conversation: its place in the queue.
	// ReadyAt is when that record was appended.
	Ready   int64
	ReadyAt time.Time
	// Processed counts the parts that were carried out, Errors those of them that ended HasErrors or Error.
	Processed int32
	Errors    int32
	// Turn is the part in turn. Zero unless Processing.
	Turn Turn
	// Continues is the conversation that this one resubmits, ContinuedBy the one that resubmits this. Empty: none.
	Continues   string
	ContinuedBy string
	// End, Code and Message say how the conversation ended, EndedAt when. Empty unless Ended.
	End     schemas.ConversationStatus
	Code    schemas.Code
	Message string
	EndedAt time.Time
	// Kept tells which payloads of a conversation that failed are kept for a resubmission.
	Kept Kept
	// ForgetAt is when the marker itself may go, by the owner's clock. Zero: never.
	ForgetAt time.Time
}

// Turn is the part in turn: every part before it has ended.
type Turn struct {
	SequenceCode int32
	// Route is the name of the route that takes the part; empty: there was none when its turn came.
	Route string
	// Attempt counts the attempts, from 1. It must not begin before NotBefore (zero: at once), by the owner's clock:
	// the pause of a retry, or the part's scheduledTime.
	Attempt   int32
	NotBefore time.Time
	// StartedAt is when the first attempt began. Zero before its outcome is known.
	StartedAt time.Time
	// LostAt is set from the beginning of an attempt that must not be repeated: whoever becomes the partition's owner
	// declares it lost at that time, unless it was deferred.
	LostAt time.Time
	// AnswerBy is set while the call is Deferred: the answer is waited for until then, in log time.
	AnswerBy time.Time
	// Progress counts the objects that a deferred call is said to have processed so far.
	Progress int32
}

// Kept are payloads that outlive a conversation which failed: those of its parts from sequence code From on, until
// Until, by the owner's clock. Failed is the part that failed, when it may be repeated; it precedes From. Zero: none.
type Kept struct {
	From   int32
	Failed int32
	Until  time.Time
}

// Has reports whether a part is kept, if it has arrived.
func (k Kept) Has(sequenceCode int32) bool {
	return k.From > 0 && (sequenceCode >= k.From || sequenceCode == k.Failed)
}

// Open counts the calls that were accepted and have not ended.
func (s State) Open() int64 {
	switch s.Phase {
	case Staging:
		return int64(s.Received.Count())
	case Processing:
		return int64(s.Calls - s.Turn.SequenceCode + 1)
	}
	return 0
}

// Queued reports whether the part in turn waits for a place on its route now: the conversation has its place in the
// route's queue.
func (s State) Queued() bool {
	return s.Phase == Processing && s.Turn.NotBefore.IsZero() && s.Turn.LostAt.IsZero() && s.Turn.AnswerBy.IsZero()
}

// DelayedUntil is when something is to be done about the part in turn, by the owner's clock: its attempt may begin, or
// (while LostAt is set) is lost. Zero: nothing is.
func (s State) DelayedUntil() time.Time {
	if s.Phase != Processing || !s.Turn.AnswerBy.IsZero() {
		return time.Time{}
	}
	if !s.Turn.LostAt.IsZero() {
		return s.Turn.LostAt
	}
	return s.Turn.NotBefore
}

// Awaited is the log time by which a record must have come: the next part, or the answer to a deferred call. Zero: none
// is waited for.
func (s State) Awaited() time.Time {
	if !s.Turn.AnswerBy.IsZero() {
		return s.Turn.AnswerBy
	}
	return s.Deadline
}

// Wake is when the conversation is due a ClockDue; zero: never.
func (s State) Wake() time.Time {
	switch {
	case s.Phase == Ended && s.Kept.From > 0:
		return s.Kept.Until
	case s.Phase == Ended:
		return s.ForgetAt
	}
	return s.StartBy
}

// InTurn is the attempt that the conversation waits for. It is meant for a state that is Processing.
func (s State) InTurn() Execute {
	return Execute{SequenceCode: s.Turn.SequenceCode, Attempt: s.Turn.Attempt, NotBefore: s.Turn.NotBefore}
}
