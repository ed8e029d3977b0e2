package conversation_test

import (
	"strings"
	"testing"

	"parley/processor/conversation"
	"parley/schemas"
)

// whoIsTold says of each condition (a line) of which ends (a column) a target is told: x, or not: a dot. The ends of calls
// stand before those of conversations.
//
//nolint:dupword // it is a table
const whoIsTold = `
                      OK  HasErrors  Error  NotProcessed  Rejected  Cancelled  Expired  |  Complete  Error  Cancelled  Expired
                      .   .          .      .             .         .          .        |  .         .      .          .
Never                 .   .          .      .             .         .          .        |  .         .      .          .
OnError               .   x          x      .             .         .          .        |  .         .      .          .
Always                x   x          x      x             x         x          x        |  .         .      .          .
OnCallComplete        x   x          x      x             x         x          x        |  .         .      .          .
OnConversationError   .   .          .      .             .         .          .        |  .         x      x          x
OnConversationComplete .  .          .      .             .         .          .        |  x         x      x          x
`

func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.Trim(whoIsTold, "\n"), "\n")
	calls, conversations, _ := strings.Cut(lines[0], "|")
	for _, line := range lines[1:] {
		condition := strings.TrimSpace(line[:22])
		when := schemas.RespondWhen(condition)
		ofCalls, ofConversations, _ := strings.Cut(line[len(condition):], "|")
		for i, want := range strings.Fields(ofCalls) {
			if end := strings.Fields(calls)[i]; conversation.ToldOfCall(when, schemas.CallStatus(end)) != (want == "x") {
				t.Errorf("%q, a call that ends %s: told is %t", when, end, want != "x")
			}
		}
		for i, want := range strings.Fields(ofConversations) {
			if end := strings.Fields(conversations)[i]; conversation.ToldOfConversation(when, schemas.ConversationStatus(end)) != (want == "x") {
				t.Errorf("%q, a conversation that ends %s: told is %t", when, end, want != "x")
			}
		}
		if got, want := conversation.OfConversations(when), strings.Contains(ofConversations, "x"); got != want {
			t.Errorf("%q is told of ends of conversations: %t", when, got)
		}
	}
}

// Nobody is told of what has not ended.
func TestNobodyIsToldBeforeTheEnd(t *testing.T) {
	t.Parallel()
	for _, s := range []schemas.CallStatus{schemas.Queued, schemas.Staged, schemas.Scheduled, schemas.Waiting, schemas.Executing, schemas.Deferred} {
		if conversation.ToldOfCall(schemas.RespondAlways, s) {
			t.Errorf("told of a call that is %s", s)
		}
	}
	for _, s := range schemas.ConversationStatuses() {
		if !s.Final() && conversation.ToldOfConversation(schemas.RespondOnConversationComplete, s) {
			t.Errorf("told of a conversation that is %s", s)
		}
	}
}
