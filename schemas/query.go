package schemas

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
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
	// Part is asked for in place of ID when the call is recorded under another request id that nobody knows any more;
	// nil: ask for ID.
	Part *Part
	// Content is the Content of what the asker sent; zero: not known. A call that is recorded with other content is
	// answered as Conflicting.
	Content uint64
	// Wait is how long to wait for a final status; zero: answer what is.
	Wait time.Duration
	// Seen is the ETag of the status that the asker has: the wait also ends with any other. Empty: with a final one only.
	Seen string
}

// Conflicts reports whether the asker's call had other content than the one that is recorded; zero: that is not known.
func (q RequestQuery) Conflicts(recorded uint64) bool {
	return q.Content != 0 && recorded != 0 && q.Content != recorded
}

// Part is a call in its place in a conversation.
type Part struct {
	// ConversationID is empty for a call without one.
	ConversationID string
	SequenceCode   int32
}

// ConversationQuery asks for the status of one conversation.
type ConversationQuery struct {
	Account string
	// ID is a ConversationID, or the request id of a call without one.
	ID string
	// After is the sequence code behind which the page of calls begins; zero: the first page.
	After int32
	// Accepted is the place of a cancel or resubmit record of the conversation; nil: there is none. The owner answers
	// when it has applied the record, so that the answer tells what came of it.
	Accepted *Position
	// Wait is how long to wait for a final status; zero: answer what is.
	Wait time.Duration
	// Seen is the ETag of the status that the asker has: the wait also ends with any other. Empty: with a final one only.
	Seen string
}

// Keys are what the ID may name: the conversation with that ConversationID, and, before it, the call without one that
// has it as its request id.
func (q ConversationQuery) Keys() []ConversationKey {
	named := NewConversationKey(q.Account, q.ID, RequestID{})
	if id, err := uuid.Parse(q.ID); err == nil {
		return []ConversationKey{NewConversationKey(q.Account, "", id), named}
	}
	return []ConversationKey{named}
}

// FailedQuery asks for conversations that failed and have not been resubmitted.
type FailedQuery struct {
	Account string
	// Route is the name of the route that took the call which failed; empty: any.
	Route string
	// Code is that of the conversation, or of an object of the call which failed; empty: any.
	Code Code
	// From and To are when the conversation ended, From inclusive, To exclusive.
	From, To time.Time
	// Limit is how many are asked for, at least 1: those that ended first.
	Limit int
}

// AnswerQuery asks what came of a late answer to a deferred call.
type AnswerQuery struct {
	// ID is of the call that the answer's token names.
	ID RequestID
	// Digest is the AnswerDigest of the answer; zero is that of none.
	Digest uint64
	// Accepted is the place of the answer's record. The owner of its partition says what it knows when it has applied
	// that record; with an Offset of -1 at once.
	Accepted Position
}

// AnswerVerdict is what came of a late answer.
type AnswerVerdict int

const (
	// AnswerTaken: the call has this answer, has none yet, or will have it when its executor defers.
	AnswerTaken AnswerVerdict = iota
	// AnswerConflict: the call has another answer, or has ended without one.
	AnswerConflict
)

// Errors of whoever answers a RequestQuery, a ConversationQuery or an AnswerQuery.
var (
	// ErrUnknown: whoever was asked can tell, and knows nothing of it.
	ErrUnknown = errors.New("unknown")
	// ErrUnavailable: whoever was asked cannot tell now; ask again later.
	ErrUnavailable = errors.New("unavailable")
	// ErrTooMuch: whoever was asked would have to read too much to tell; ask for less. It is an ErrUnavailable.
	ErrTooMuch = fmt.Errorf("too much to read: %w", ErrUnavailable)
)

// NotOwnedError says that whoever was asked does not own these partitions now, and so cannot tell; what it owns of those
// that it was asked about knows nothing. It is an ErrUnavailable.
type NotOwnedError struct {
	// Partitions of parley.calls; never empty.
	Partitions []int32
}

func (e *NotOwnedError) Error() string {
	return fmt.Sprintf("partitions %v are not owned here", e.Partitions)
}

// Unwrap returns ErrUnavailable.
func (e *NotOwnedError) Unwrap() error { return ErrUnavailable }

// RecordedError says of a call or of a conversation that it has ended and that the record alone has its result, maybe
// under another request id: a resend has the result of the first. It is an ErrUnavailable.
type RecordedError struct {
	// As is the request id that the call is recorded under; zero: only its place is known.
	As   RequestID
	Part Part
}

func (e *RecordedError) Error() string { return "it has ended, its result is not here any more" }

// Unwrap returns ErrUnavailable.
func (e *RecordedError) Unwrap() error { return ErrUnavailable }
