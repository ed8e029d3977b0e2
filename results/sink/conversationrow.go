package sink

import (
	"github.com/google/uuid"

	parleyv1 "parley/schemas/parley/v1"
)

// conversationRow is a row of conversations_log.
type conversationRow struct {
	event        event
	conversation *parleyv1.ConversationEvent
}

// name is what the conversation is found under: its ConversationID, or the request id of a call without one.
func (r *conversationRow) name() string {
	if r.conversation.ConversationId == "" {
		return r.event.request.String()
	}
	return r.conversation.ConversationId
}

// request is the request id of a call without a ConversationID, else nil.
func (r *conversationRow) request() *uuid.UUID {
	if r.conversation.ConversationId != "" {
		return nil
	}
	id := r.event.request
	return &id
}

func conversationColumns() []column[conversationRow] {
	return []column[conversationRow]{
		wordOf("account", func(r *conversationRow) string { return r.event.Account }),
		of("conversation_id", (*conversationRow).name),
		of("request_id", (*conversationRow).request),
		wordOf("status", func(r *conversationRow) string { return r.conversation.Status }),
		wordOf("error_code", func(r *conversationRow) string { return r.conversation.ErrorCode }),
		of("message", func(r *conversationRow) string { return r.conversation.Message }),
		of("calls_in_conversation", func(r *conversationRow) int32 { return r.conversation.CallsInConversation }),
		of("received", func(r *conversationRow) int32 { return r.conversation.Received }),
		of("processed", func(r *conversationRow) int32 { return r.conversation.Processed }),
		of("errors", func(r *conversationRow) int32 { return r.conversation.Errors }),
		of("accepted_at", func(r *conversationRow) int64 { return r.conversation.AcceptedAtMs }),
		of("started_at", func(r *conversationRow) *int64 { return orNull(&r.conversation.StartedAtMs) }),
		of("completed_at", func(r *conversationRow) int64 { return r.conversation.CompletedAtMs }),
		of("partition", func(r *conversationRow) int32 { return r.event.Partition }),
		of("sequence", func(r *conversationRow) int64 { return r.event.Sequence }),
		of("continues", func(r *conversationRow) string { return r.conversation.Continues }),
		of("continued_by", func(r *conversationRow) string { return r.conversation.ContinuedBy }),
		of("told", func(r *conversationRow) int32 { return r.conversation.Told }),
	}
}
