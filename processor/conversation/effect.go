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

// Execute carries the part in turn out when its route has a place, not before NotBefore (by the owner's clock; zero: at
// once).
type Execute struct {
	SequenceCode int32
	Attempt      int32
	NotBefore    time.Time
}

// Begin carries out now the attempt whose beginning was AttemptBegun: its place on the route is held.
type Begin struct {
	SequenceCode int32
	Attempt      int32
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

// Resubmit makes a conversation As of the kept parts from sequence code From on, in their order.
type Resubmit struct {
	As   string
	From int32
}

// Release gives up the payloads that were kept of a conversation that failed.
type Release struct{}

// Forget gives up the marker of the conversation.
type Forget struct{}

func (Accept) effect()          {}
func (Resend) effect()          {}
func (Reject) effect()          {}
func (Execute) effect()         {}
func (Begin) effect()           {}
func (EndCall) effect()         {}
func (EndConversation) effect() {}
func (Resubmit) effect()        {}
func (Release) effect()         {}
func (Forget) effect()          {}
