package partnerapi

import (
	"cmp"
	"strconv"

	"parley/schemas"
)

// failed is the number of an error for which the original has no number of its own.
const failed = 204

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
		return reason{200, "CallsInConversation don't match previous value in the Conversation. Conversation has been invalidated"}, true
	case schemas.SequenceCodeRequired:
		return reason{202, "Missing Required Conversation Property SequenceCode. " + conversationNeeds}, true
	case schemas.PartTimeout:
		return reason{203, "Async API Timeout"}, true
	case schemas.SequenceCodeOutOfRange:
		return reason{205, "SequenceCode Out Of Bounds. Valid SequenceCode range is 1 to the value of CallsInConversation"}, true
	case schemas.CallsInConversationOutOfRange:
		return reason{206, "CallsInConversation Out Of Bounds. CallsInConversation is expected to be a positive number"}, true
	case schemas.ConversationIDRequired:
		return reason{207, "Missing Required Conversation Property ConversationID. " + conversationNeeds}, true
	case schemas.CallsInConversationRequired:
		return reason{208, "Missing Required Conversation Property CallsInConversation. " + conversationNeeds}, true
	case schemas.SynchronousConversation:
		return reason{209, "Options.RequestType is required to be set to RequestType.Asynchronous"}, true
	case schemas.ConversationIDUsed:
		return reason{211, "Invalid ConversationID. ConversationID has already been used"}, true
	case schemas.SequenceCodeConflict:
		return reason{214, "SequenceCode already used for Conversation. Conversation has been invalidated"}, true
	case schemas.TooManyObjects:
		return reason{218, "Too many objects"}, true
	case schemas.NotFound:
		return reason{220, "Item not found"}, true
	case schemas.AlreadyStarted:
		return reason{222, "Invalid status to delete item"}, true
	case schemas.ScheduledTooFar:
		return reason{226, "A request may not have ScheduledTime greater than 30 days from now"}, true
	case schemas.InvalidResponseAddress:
		return reason{227, "An unsecure response address specified in the 'SendResponseTo' parameter"}, true
	case schemas.UnknownMethod:
		return reason{5, "Method not allowed"}, true
	case schemas.ObjectTypeRequired:
		return reason{6, "Object is null, or has no type"}, true
	case schemas.Forbidden:
		return reason{11, "Not authorized"}, true
	case schemas.RateLimited:
		return reason{17, "Rate Limited"}, true
	case schemas.QueueUnavailable, schemas.RouteUnavailable, schemas.OwnerUnavailable:
		return reason{2, "Unplanned Outage"}, true
	}
	return reason{}, false
}

// Error is a code as an ErrorCode and a StatusMessage: the number and the text that the original has for it, and what message adds.
// A number that a backend gave stays that number. All else is 204, with the code in the text.
func Error(code schemas.Code, message string) (number int, text string) {
	if r, ok := reasonOf(code); ok {
		return r.number, join(r.text, message)
	}
	if n, err := strconv.ParseInt(string(code), 10, 32); err == nil && n != 0 {
		return int(n), cmp.Or(message, string(code))
	}
	return failed, join(join("Async API Error", string(code)), message)
}

// join is a text, and what there is to add.
func join(text, more string) string {
	if more == "" {
		return text
	}
	return text + ": " + more
}
