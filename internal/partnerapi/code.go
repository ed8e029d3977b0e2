package partnerapi

import (
	"cmp"
	"strconv"

	"parley/schemas"
)

// The numbers of errors that queued calls end with, and are refused with. Those of the original that have no like here are not listed.
const (
	CallsMismatch        = 200
	SequenceCodeMissing  = 202
	Timeout              = 203
	Failed               = 204
	SequenceCodeBounds   = 205
	CallsBounds          = 206
	ConversationMissing  = 207
	CallsMissing         = 208
	NotAsynchronous      = 209
	ConversationUsed     = 211
	SequenceCodeUsed     = 214
	ObjectsTooMany       = 218
	ItemNotFound         = 220
	ItemNotDeletable     = 222
	ScheduledTooFarAhead = 226
	AddressUnsecure      = 227
)

// The numbers of errors that have nothing to do with the queue.
const (
	OutageUnplanned  = 2
	MethodNotAllowed = 5
	ObjectNull       = 6
	NotAuthorized    = 11
	Throttled        = 17
)

// reason is a number, and what the original says with it.
type reason struct {
	number int
	text   string
}

const conversationNeeds = "ConversationID, SequenceCode, and CallsInConversation are required for Conversations Requests"

// reasonOf is what the original has for a code; false: it has nothing.
func reasonOf(code schemas.Code) (reason, bool) {
	switch code {
	case schemas.CallsInConversationMismatch:
		return reason{CallsMismatch, "CallsInConversation don't match previous value in the Conversation. Conversation has been invalidated"}, true
	case schemas.SequenceCodeRequired:
		return reason{SequenceCodeMissing, "Missing Required Conversation Property SequenceCode. " + conversationNeeds}, true
	case schemas.PartTimeout:
		return reason{Timeout, "Async API Timeout"}, true
	case schemas.SequenceCodeOutOfRange:
		return reason{SequenceCodeBounds, "SequenceCode Out Of Bounds. Valid SequenceCode range is 1 to the value of CallsInConversation"}, true
	case schemas.CallsInConversationOutOfRange:
		return reason{CallsBounds, "CallsInConversation Out Of Bounds. CallsInConversation is expected to be a positive number"}, true
	case schemas.ConversationIDRequired:
		return reason{ConversationMissing, "Missing Required Conversation Property ConversationID. " + conversationNeeds}, true
	case schemas.CallsInConversationRequired:
		return reason{CallsMissing, "Missing Required Conversation Property CallsInConversation. " + conversationNeeds}, true
	case schemas.SynchronousConversation:
		return reason{NotAsynchronous, "Options.RequestType is required to be set to RequestType.Asynchronous"}, true
	case schemas.ConversationIDUsed:
		return reason{ConversationUsed, "Invalid ConversationID. ConversationID has already been used"}, true
	case schemas.SequenceCodeConflict:
		return reason{SequenceCodeUsed, "SequenceCode already used for Conversation. Conversation has been invalidated"}, true
	case schemas.TooManyObjects:
		return reason{ObjectsTooMany, "Too many objects"}, true
	case schemas.NotFound:
		return reason{ItemNotFound, "Item not found"}, true
	case schemas.AlreadyStarted:
		return reason{ItemNotDeletable, "Invalid status to delete item"}, true
	case schemas.ScheduledTooFar:
		return reason{ScheduledTooFarAhead, "A request may not have ScheduledTime greater than 30 days from now"}, true
	case schemas.InvalidResponseAddress:
		return reason{AddressUnsecure, "An unsecure response address specified in the 'SendResponseTo' parameter"}, true
	case schemas.UnknownMethod:
		return reason{MethodNotAllowed, "Method not allowed"}, true
	case schemas.ObjectTypeRequired:
		return reason{ObjectNull, "Object is null, or has no type"}, true
	case schemas.Forbidden:
		return reason{NotAuthorized, "Not authorized"}, true
	case schemas.RateLimited:
		return reason{Throttled, "Rate Limited"}, true
	case schemas.QueueUnavailable, schemas.RouteUnavailable, schemas.OwnerUnavailable:
		return reason{OutageUnplanned, "Unplanned Outage"}, true
	}
	return reason{}, false
}

// Error is a code as an ErrorCode and a StatusMessage: the number and the text that the original has for it, and what message adds.
// A number that a backend gave stays that number. All else is Failed, with the code in the text.
func Error(code schemas.Code, message string) (number int, text string) {
	if r, ok := reasonOf(code); ok {
		return r.number, join(r.text, message)
	}
	if n, err := strconv.ParseInt(string(code), 10, 32); err == nil && n != 0 {
		return int(n), cmp.Or(message, string(code))
	}
	return Failed, join(join("Async API Error", string(code)), message)
}

// join is a text, and what there is to add.
func join(text, more string) string {
	if more == "" {
		return text
	}
	return text + ": " + more
}
