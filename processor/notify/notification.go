package notify

import (
	"time"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Notification is what one receiver is told of the end of one call or conversation. It is the same at each attempt, but for
// Attempt, and for what has been erased since. A sender must not change it, nor keep it when Send has returned.
type Notification struct {
	// ID names the delivery: the same at each attempt, and no other's, not even another installation's. It is printable
	// ASCII without dots and spaces, at most 64 bytes.
	ID string
	// Account is whose call or conversation it is.
	Account string
	// Target is whom to tell, as the call named it, valid.
	Target *parleyv1.ResponseTarget
	// Type is the type of the event: one of schemas.EventCallCompleted and those beside it.
	Type string
	// Sequence is partition-sequence of the event, Cursor a position in all results behind it: who has this one goes on at
	// GET /v1/results?after=.
	Sequence string
	Cursor   string
	// Timestamp is when the call or the conversation ended.
	Timestamp time.Time
	// Attempt counts the attempts, from 1.
	Attempt int32
	// Traceparent is the trace that the call belongs to (W3C Trace Context); empty: none, or it is a conversation's.
	Traceparent string
	// Call or Conversation is what ended, one of the two, as a poll shows it. Results are there only if Target includes them,
	// and their objects only if it includes these, too.
	Call         *schemas.CallResource
	Conversation *schemas.ConversationResource
	// Body is all that as the JSON document of a callback: the schema Callback of openapi.yaml.
	Body []byte
}
