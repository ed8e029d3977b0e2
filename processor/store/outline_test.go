package store

import (
	"testing"

	"google.golang.org/protobuf/proto"

	parleyv1 "parley/schemas/parley/v1"
)

func outlineOf(c *parleyv1.Call) Outline {
	return Outline{Account: c.Account, ConversationID: c.GetOptions().GetConversationId(), Method: c.Method, Objects: len(c.Objects)}
}

func TestOutlineIsThatOfTheCall(t *testing.T) {
	t.Parallel()
	for _, c := range []*parleyv1.Call{
		{},
		{Account: "acme", RequestId: "r", Method: "Perform", Action: "start", Objects: []*parleyv1.Object{{Type: "Row"}}},
		{
			Account: "acme", Method: "Create", Digest: make([]byte, 32), Traceparent: "t",
			Objects: []*parleyv1.Object{{Type: "Row", Properties: []byte(`{}`)}, {}, {Type: "Row"}},
			Options: &parleyv1.Options{ConversationId: new("c"), SequenceCode: new(int32(2)), CallsInConversation: new(int32(3)), ScheduledTimeMs: new(int64(7))},
		},
	} {
		raw, err := proto.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []Part{{Call: raw}, {Message: c}} {
			if got, err := p.Outline(); err != nil || got != outlineOf(c) {
				t.Errorf("%+v, %v, want %+v", got, err, outlineOf(c))
			}
		}
	}
}

// The outline of what can be decoded is that of what it is decoded to.
func FuzzOutline(f *testing.F) {
	raw, err := proto.Marshal(&parleyv1.Call{Account: "a", Method: "Create", Objects: []*parleyv1.Object{{Type: "t"}}, Options: &parleyv1.Options{ConversationId: new("c")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{0x0a, 0x05})
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := Part{Call: raw}
		o, err := p.Outline()
		c := new(parleyv1.Call)
		if proto.Unmarshal(raw, c) != nil {
			return
		}
		if err != nil || o != outlineOf(c) {
			t.Errorf("%+v, %v, want %+v", o, err, outlineOf(c))
		}
	})
}
