package schemas

import (
	"errors"
	"fmt"
	"time"
)

// Limits bound what one call may be. Every field is configurable, and the same on all nodes: what ingest takes, the
// processor must take too. DefaultLimits states the defaults, Check what they may be.
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
	// TargetsMax bounds whom one call may have told of its end: the members of sendResponseTo.
	TargetsMax int
	// Mail says whether callers may be told by mail: there is a server that takes it.
	Mail bool
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
		TargetsMax:             8,
	}
}

// CallBytesCeiling and ObjectsCeiling bound the limits themselves: the longest call and the longest result, a code and
// a message for each object, each fit into a record of 16 MiB.
const (
	CallBytesCeiling = 8 << 20
	ObjectsCeiling   = 3_000
)

// Check reports every limit that cannot be, by the name of its setting.
func (l Limits) Check() error {
	return errors.Join(
		within("PARLEY_CALL_BYTES_MAX", l.CallBytesMax, 1<<10, CallBytesCeiling),
		within("PARLEY_OBJECTS_MAX", l.ObjectsMax, 1, ObjectsCeiling),
		within("PARLEY_PARTS_MAX", l.PartsMax, 1, 100_000),                             // its state holds something of each part
		within("PARLEY_CONVERSATION_ID_BYTES_MAX", l.ConversationIDBytesMax, 1, 1_000), // it is a part of keys, and of paths
		within("PARLEY_NAME_BYTES_MAX", l.NameBytesMax, 1, 64<<10),
		within("PARLEY_SCHEDULE_HORIZON", l.ScheduleHorizon, time.Millisecond, 100*366*24*time.Hour),
		within("PARLEY_TARGETS_MAX", l.TargetsMax, 1, 32),
	)
}

func within[T int | int32 | time.Duration](setting string, have, least, most T) error {
	if have < least || have > most {
		return fmt.Errorf("%s is %v; it is from %v to %v", setting, have, least, most)
	}
	return nil
}
