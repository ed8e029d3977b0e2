package telemetry

import "go.opentelemetry.io/otel/attribute"

// What the spans of all roles call the same thing. Payloads, tokens and keys are never among it.

// Account is whose call it is.
func Account(name string) attribute.KeyValue { return attribute.String("parley.account", name) }

// Request is the request id of a call.
func Request(id string) attribute.KeyValue { return attribute.String("parley.request.id", id) }

// Conversation is the ConversationID; empty: the call has none.
func Conversation(id string) attribute.KeyValue {
	return attribute.String("parley.conversation.id", id)
}
