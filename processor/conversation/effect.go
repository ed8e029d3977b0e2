package conversation

import (
	"time"

	"parley/schemas"
)

// Effect is something that the shell must do about an input. The first three speak of the call that was received
// with it, the others of the conversation.
type Effect interface{ effect() }

// Accept takes the received call into its conversation: the shell keeps its payload.
type Accept struct{}

// Resend says that the received call was recorded before, as the part which holds that SequenceCode or (when the input
// says Refused) as Rejected: nothing happens twice.
type Resend struct {
	SequenceCode int32
}

// Reject ends the received call, which is no part of the conversation, as Rejected.
type Reject struct {
	Code    schemas.Code
	Message string
	At      time.Time
}

// Execute carries the part in turn out, not before NotBefore (by the owner's clock; zero: at once).
type Execute struct {
	SequenceCode int32
	Attempt      int32
	NotBefore    time.Time
}

// EndCall records the end of a part. Without Results, each object shares the call's status, code and message.
type EndCall struct {
	SequenceCode int32
	Status       schemas.CallStatus
	Results      []ObjectOutcome
	Code         schemas.Code
	Message      string
	Attempts     int32
	StartedAt    time.Time
	At           time.Time
}

// EndConversation records the end of the conversation, which its state tells.
type EndConversation struct {
	At time.Time
}

func (Accept) effect()          {}
func (Resend) effect()          {}
func (Reject) effect()          {}
func (Execute) effect()         {}
func (EndCall) effect()         {}
func (EndConversation) effect() {}
