package conversation

import "parley/schemas"

// ToldOfCall reports whether a target is told of a call that ended with a status (ASYNC-WIRE 11: Always is the old name
// for OnCallComplete).
func ToldOfCall(when schemas.RespondWhen, end schemas.CallStatus) bool {
	switch when {
	case schemas.RespondOnCallComplete, schemas.RespondAlways:
		return end.Final()
	case schemas.RespondOnError:
		return end == schemas.HasErrors || end == schemas.Error
	}
	return false
}

// ToldOfConversation reports whether a target is told of a conversation that ended with a status. A call without a
// ConversationID is a conversation of one.
func ToldOfConversation(when schemas.RespondWhen, end schemas.ConversationStatus) bool {
	switch when {
	case schemas.RespondOnConversationComplete:
		return end.Final()
	case schemas.RespondOnConversationError:
		return end.Final() && end != schemas.ConversationComplete
	}
	return false
}

// OfConversations reports whether a target is told of ends of conversations.
func OfConversations(when schemas.RespondWhen) bool {
	return when == schemas.RespondOnConversationComplete || when == schemas.RespondOnConversationError
}
