package sink

import (
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	parleyv1 "parley/schemas/parley/v1"
)

// Whatever is decoded decodes to the same again.
func FuzzDecodeEvent(f *testing.F) {
	for _, e := range []*parleyv1.ResultEvent{
		{Sequence: 1, Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{RequestId: uuid.Nil.String(), Results: []*parleyv1.ObjectResult{{}}}}},
		{Sequence: 1, Event: &parleyv1.ResultEvent_Conversation{Conversation: &parleyv1.ConversationEvent{ConversationId: "c"}}},
		{Sequence: 1, Event: &parleyv1.ResultEvent_Delivery{Delivery: &parleyv1.DeliveryEvent{ConversationId: "c"}}},
		{Sequence: 1, Event: &parleyv1.ResultEvent_Conversation{Conversation: &parleyv1.ConversationEvent{RequestId: uuid.Nil.String()}}},
	} {
		value, err := proto.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		e, err := decodeEvent(value)
		if err != nil {
			return
		}
		again, err := proto.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := decodeEvent(again); err != nil || b.request != e.request || !proto.Equal(e, b) {
			t.Fatalf("decoded again: %v, %v; want %v", b, err, e)
		}
	})
}
