package query

import (
	"testing"

	"github.com/google/uuid"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// What has ended of telling of an end is shown with it, and how many there must be; of what nobody is told of, nothing is asked.
func TestDeliveriesOfEnds(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	call := func(sequence int64, code int32, told int32) *parleyv1.ResultEvent {
		return &parleyv1.ResultEvent{Account: "acme", Partition: 2, Sequence: sequence, Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{
			RequestId: id.String(), ConversationId: "c", SequenceCode: code, CallsInConversation: 2, Status: "OK", AcceptedAtMs: 1, CompletedAtMs: 2, Told: told,
		}}}
	}
	delivery := func(sequence, about int64, kind, address string) *parleyv1.ResultEvent {
		return &parleyv1.ResultEvent{Account: "acme", Partition: 2, Sequence: sequence, Event: &parleyv1.ResultEvent_Delivery{Delivery: &parleyv1.DeliveryEvent{
			RequestId: id.String(), ConversationId: "c", About: about, Type: kind, ResponseType: "HTTPPost", ResponseAddress: address, Status: "Delivered", Attempts: 1, BegunAtMs: 2, CompletedAtMs: 3,
		}}}
	}
	q := stored(t, call(1, 1, 2), call(2, 2, 0), delivery(3, 1, "call.completed", "https://one"),
		&parleyv1.ResultEvent{Account: "acme", Partition: 2, Sequence: 4, Event: &parleyv1.ResultEvent_Conversation{Conversation: &parleyv1.ConversationEvent{
			ConversationId: "c", Status: "Complete", CallsInConversation: 2, Received: 2, AcceptedAtMs: 1, CompletedAtMs: 2, Told: 3,
		}}},
		delivery(5, 4, "conversation.completed", "https://two"))
	r, err := q.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "c"})
	if err != nil || len(r.Calls) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	for name, end := range map[string]struct {
		told, want schemas.Told
		deliveries []schemas.DeliveryResource
		address    string
	}{
		"the conversation": {r.Told, schemas.Told{Partition: 2, Sequence: 4, Receivers: 3}, r.Deliveries, "https://two"},
		"its first call":   {r.Calls[0].Told, schemas.Told{Partition: 2, Sequence: 1, Receivers: 2}, r.Calls[0].Deliveries, "https://one"},
		"its second call":  {r.Calls[1].Told, schemas.Told{}, r.Calls[1].Deliveries, ""},
	} {
		if end.told != end.want {
			t.Errorf("%s is told %+v, want %+v", name, end.told, end.want)
		}
		if len(end.deliveries) > 1 || (len(end.deliveries) == 1) != (end.address != "") || end.address != "" && end.deliveries[0].ResponseAddress != end.address {
			t.Errorf("%s: %+v, want that to %q", name, end.deliveries, end.address)
		}
	}
}
