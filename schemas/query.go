package schemas

import (
	"errors"
	"time"
)

// Position is a record's place in parley.calls.
type Position struct {
	Partition int32
	Offset    int64
}

// RequestQuery asks for the status of one call.
type RequestQuery struct {
	Account string
	ID      RequestID
	// Accepted is the place that the call's receipt tells; nil without a receipt. A call whose place has not been
	// read yet is Queued, not unknown.
	Accepted *Position
	// Wait is how long to wait for a final status; zero: answer what is.
	Wait time.Duration
}

// ConversationQuery asks for the status of one conversation.
type ConversationQuery struct {
	Account string
	// ID is a ConversationID, or the request id of a call without one.
	ID string
	// After is the sequence code behind which the page of calls begins; zero: the first page.
	After int32
	// Wait is how long to wait for a final status; zero: answer what is.
	Wait time.Duration
}

// Errors of whoever answers a RequestQuery or a ConversationQuery.
var (
	// ErrUnknown: whoever was asked can tell, and knows nothing of it.
	ErrUnknown = errors.New("unknown")
	// ErrUnavailable: whoever was asked cannot tell now; ask again later.
	ErrUnavailable = errors.New("unavailable")
)
