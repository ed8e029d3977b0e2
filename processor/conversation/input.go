package conversation

import (
	"time"

	"parley/schemas"
)

// Input is something that happened to a conversation.
type Input interface{ input() }

// Next is what the core must know of a part whose turn comes. The zero value is a part that no route takes.
type Next struct {
	// Route is the name of the route that takes it.
	Route string
	// ScheduledAt is before when it must not begin; zero: it may at once.
	ScheduledAt time.Time
}

// Ending is what the core must know to end the part in turn.
type Ending struct {
	// FailOn is that of the part's options.
	FailOn schemas.FailOn
	// Following is the part that comes in turn after it. It is used when there is one.
	Following Next
}

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
	// Priority, StartBy and Scheduled (whether it has a scheduledTime) are of the call's options.
	Priority  schemas.Priority
	StartBy   time.Time
	Scheduled bool
	// Tells reports whether a target of the call's options is told of ends of conversations: see OfConversations.
	Tells bool
	// Continues is the conversation of which this part is a resubmission; empty: none.
	Continues string
	// First is the part with SequenceCode 1. It is used when the conversation is complete.
	First Next
}

// AttemptBegun is an attempt that must not be repeated and has its place on the route: it may begin once this is
// committed. Whoever owns the partition at LostAt, and has heard nothing, declares it lost.
type AttemptBegun struct {
	SequenceCode int32
	Attempt      int32
	At           time.Time
	LostAt       time.Time
}

// AttemptLost says that nobody will ever tell what came of an attempt that had begun.
type AttemptLost struct {
	SequenceCode int32
	Attempt      int32
	At           time.Time
	Ending
}

// OutcomeReceived is what an executor says of an attempt.
type OutcomeReceived struct {
	SequenceCode int32
	Attempt      int32
	// StartedAt and At are when the attempt began and ended, by the owner's clock.
	StartedAt time.Time
	At        time.Time
	Outcome   Outcome
	// Retry is how the part's route repeats, AnswerBy until when it waits for a deferred answer.
	Retry    Retry
	AnswerBy time.Time
	// RequestID spreads the retries of different calls.
	RequestID schemas.RequestID
	Ending
}

// AnswerReceived is the late answer to a call, from whoever holds its token. Its outcome is Answered or Failed.
type AnswerReceived struct {
	SequenceCode int32
	At           time.Time
	Outcome      Outcome
	Ending
}

// ProgressReceived tells how many objects of a deferred call have been processed so far.
type ProgressReceived struct {
	SequenceCode int32
	Processed    int32
}

// CancelRequested asks that the conversation be not executed. Begun reports that its first attempt has begun.
type CancelRequested struct {
	At    time.Time
	Begun bool
}

// ResubmitRequested asks that the unfinished parts of a conversation that failed run again, as another conversation.
type ResubmitRequested struct {
	// As is the ConversationID of the other one.
	As string
	// IncludeFailed repeats the part that failed, too.
	IncludeFailed bool
}

// TimerDue says that every record appended before At has been read.
type TimerDue struct {
	At time.Time
	// Ending is used when the call in turn is Deferred.
	Ending
}

// ClockDue says that the owner's clock has come to State.Wake. Begun reports that the first attempt of the part in turn
// has begun.
type ClockDue struct {
	At    time.Time
	Begun bool
}

// DecisionFailed says that Step failed on an input of this conversation, which is a defect of ours.
type DecisionFailed struct {
	At     time.Time
	Reason string
}

func (PartReceived) input()      {}
func (AttemptBegun) input()      {}
func (AttemptLost) input()       {}
func (OutcomeReceived) input()   {}
func (AnswerReceived) input()    {}
func (ProgressReceived) input()  {}
func (CancelRequested) input()   {}
func (ResubmitRequested) input() {}
func (TimerDue) input()          {}
func (ClockDue) input()          {}
func (DecisionFailed) input()    {}
