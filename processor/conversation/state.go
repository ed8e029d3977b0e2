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
	// AcceptedAt is the append time of the first part.
	AcceptedAt time.Time
	// StartedAt is when the first attempt of the first part began, by the owner's clock. Zero before.
	StartedAt time.Time
	// Ready is the offset in parley.calls of the record that completed the conversation: its place in the queue.
	Ready int64
	// Turn is the sequence code of the part in turn; every part before it has ended. Zero unless Processing.
	Turn int32
	// Attempt counts the attempts of the part in turn, from 1; RetryAt is when the current one may begin.
	Attempt int32
	RetryAt time.Time
	// Processed counts the parts that were carried out, Errors those of them that ended HasErrors or Error.
	Processed int32
	Errors    int32
	// End, Code and Message say how the conversation ended. Empty unless Ended.
	End     schemas.ConversationStatus
	Code    schemas.Code
	Message string
}

// Queued reports whether a part is in turn: the conversation has its place, Ready, in the queue of executions.
func (s State) Queued() bool { return s.Phase == Processing }
