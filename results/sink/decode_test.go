package sink

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	parleyv1 "parley/schemas/parley/v1"
)

// Every field that a message has is read: a message whose fields are all set, each to another value, is read as it is. So
// whoever gives a message one more field is told here.
func TestDecodeReadsEveryField(t *testing.T) {
	t.Parallel()
	for _, e := range []*parleyv1.ResultEvent{
		{Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{Results: []*parleyv1.ObjectResult{{}, {}}}}},
		{Event: &parleyv1.ResultEvent_Conversation{Conversation: &parleyv1.ConversationEvent{}}},
		{Event: &parleyv1.ResultEvent_Delivery{Delivery: &parleyv1.DeliveryEvent{}}},
	} {
		next := 0
		setAll(t, e.ProtoReflect(), &next)
		value, err := proto.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeResultEvent(value); err != nil || !proto.Equal(got, e) {
			t.Errorf("decoded %v, %v\nwant %v", got, err, e)
		}
	}
}

// setAll sets every scalar field of a message, and of those in it, to a value of its own.
func setAll(t *testing.T, m protoreflect.Message, next *int) {
	t.Helper()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		*next++
		switch f.Kind() {
		case protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString(f.TextName()+uuid.NewString()))
		case protoreflect.BytesKind:
			m.Set(f, protoreflect.ValueOfBytes([]byte(f.TextName())))
		case protoreflect.Int32Kind:
			m.Set(f, protoreflect.ValueOfInt32(-int32(*next)))
		case protoreflect.Int64Kind:
			m.Set(f, protoreflect.ValueOfInt64(int64(*next)<<40))
		case protoreflect.Fixed64Kind:
			m.Set(f, protoreflect.ValueOfUint64(1<<63+uint64(*next)))
		case protoreflect.MessageKind:
			switch {
			case f.IsList():
				for j := range m.Get(f).List().Len() {
					setAll(t, m.Get(f).List().Get(j).Message(), next)
				}
			case m.Has(f):
				setAll(t, m.Get(f).Message(), next)
			}
		default:
			t.Fatalf("field %s is of a kind that this test does not know", f.FullName())
		}
	}
}

// What is read is what the library reads, and it is refused where the library refuses it, but for what nobody writes.
func FuzzDecodeResultEvent(f *testing.F) {
	for _, e := range []*parleyv1.ResultEvent{
		{Account: "acc", Partition: 3, Sequence: 7, Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{
			RequestId: uuid.Nil.String(), Content: 1 << 60, Digest: []byte{1}, Results: []*parleyv1.ObjectResult{{Subject: 9}, {Status: "OK"}},
		}}},
		{Event: &parleyv1.ResultEvent_Conversation{Conversation: &parleyv1.ConversationEvent{ConversationId: "c", Received: -1}}},
		{Event: &parleyv1.ResultEvent_Delivery{Delivery: &parleyv1.DeliveryEvent{RequestId: "r", About: 1}}},
	} {
		value, err := proto.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
		f.Add(append(value, value...))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		got, err := decodeResultEvent(value)
		if errors.Is(err, errTwoEvents) {
			return
		}
		want := &parleyv1.ResultEvent{}
		wantErr := proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(value, want)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("decode: %v; the library: %v", err, wantErr)
		}
		if err == nil && !proto.Equal(got, want) {
			t.Fatalf("decoded %v, want %v", got, want)
		}
	})
}
