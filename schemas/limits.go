package schemas

import "time"

// Limits bound what one call may be. Every field is configurable; DefaultLimits states the defaults.
type Limits struct {
	// CallBytesMax bounds the bytes of one call as received.
	CallBytesMax int
	// ObjectsMax bounds the objects of one call.
	ObjectsMax int
	// PartsMax bounds CallsInConversation.
	PartsMax int32
	// ConversationIDBytesMax bounds a ConversationID.
	ConversationIDBytesMax int
	// NameBytesMax bounds every other identifier of a call and its objects: types, keys, correlation ids, action.
	NameBytesMax int
	// ScheduleHorizon bounds how far ahead a call may be scheduled.
	ScheduleHorizon time.Duration
}

// DefaultLimits are the documented limits of POST /v1/calls.
func DefaultLimits() Limits {
	return Limits{
		CallBytesMax:           1 << 20,
		ObjectsMax:             1_000,
		PartsMax:               10_000,
		ConversationIDBytesMax: 200,
		NameBytesMax:           4_000,
		ScheduleHorizon:        366 * 24 * time.Hour,
	}
}
