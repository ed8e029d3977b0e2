package conversation

import (
	"time"

	"parley/schemas"
)

// Input is something that happened to a conversation: PartReceived, OutcomeReceived, TimerDue or DecisionFailed.
type Input interface{ input() }

// PartReceived is a call that was read from the log.
type PartReceived struct {
	// At is when the broker first appended the call.
	At time.Time
	// Offset is where in its partition of parley.calls the record stands.
	Offset int64
	// Single is a call without a ConversationID.
	Single bool
	// SequenceCode and Calls place the part; both are 1 for a conversation of one. See schemas.Place.
	SequenceCode int32
	Calls        int32
	// Content is the call's schemas.Content.
	Content uint64
	// Held is the content of the part that already holds this SequenceCode; zero: none, or it is not known.
	Held uint64
	// Refused reports that a call with this request id has been recorded as Rejected before.
	Refused bool
	// Problem is what is wrong with the call itself; nil: nothing.
	Problem *schemas.Problem
}

// OutcomeReceived is what an executor says of an attempt.
type OutcomeReceived struct {
	SequenceCode int32
	Attempt      int32
	// StartedAt and At are when the attempt began and ended, by the owner's clock.
	StartedAt time.Time
	At        time.Time
	Outcome   Outcome
	// FailOn is that of the part's options.
	FailOn schemas.FailOn
	// Retry is how the part's route repeats.
	Retry Retry
	// RequestID spreads the retries of different calls.
	RequestID schemas.RequestID
}

// TimerDue says that every record appended before At has been read.
type TimerDue struct {
	At time.Time
}

// DecisionFailed says that Step failed on an input of this conversation, which is a defect of ours.
type DecisionFailed struct {
	At     time.Time
	Reason string
}

func (PartReceived) input()    {}
func (OutcomeReceived) input() {}
func (TimerDue) input()        {}
func (DecisionFailed) input()  {}
