package schemas

import (
	"time"

	parleyv1 "parley/schemas/parley/v1"
)

// Priority orders the conversations that wait for a route; the zero value is Medium.
type Priority int32

// The priorities of options.priority, and Foremost above them, which a Synchronous call has whatever it says.
const (
	Low      Priority = -1
	Medium   Priority = 0
	High     Priority = 1
	Foremost Priority = 2
)

// PriorityOf is the priority of a valid call.
func PriorityOf(call *parleyv1.Call) Priority {
	if IsSynchronous(call) {
		return Foremost
	}
	switch call.GetOptions().GetPriority() {
	case "Low":
		return Low
	case "High":
		return High
	}
	return Medium
}

// synchronous is the requestType of a call whose sender waits for its end.
const synchronous = "Synchronous"

// IsSynchronous reports whether whoever sent the call waits for its end. Such a call has no ConversationID.
func IsSynchronous(call *parleyv1.Call) bool {
	return call.GetOptions().GetRequestType() == synchronous
}

// ScheduledTimeOf is when a call may begin at the earliest; the zero time: at once.
func ScheduledTimeOf(call *parleyv1.Call) time.Time {
	return InstantOf(call.GetOptions().GetScheduledTimeMs())
}

// StartByOf is when a call's conversation must have begun at the latest; the zero time: whenever.
func StartByOf(call *parleyv1.Call) time.Time { return InstantOf(call.GetOptions().GetStartByMs()) }

// InstantOf is the time of milliseconds since 1970; the zero time for zero.
func InstantOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
