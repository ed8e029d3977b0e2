package store

import (
	"testing"

	"google.golang.org/protobuf/proto"

	parleyv1 "parley/schemas/parley/v1"
)

// outlineOf is the outline of a part whose call is c.
func outlineOf(sequenceCode int32, p Part, c *parleyv1.Call) Outline {
	return Outline{
		SequenceCode: sequenceCode, RequestID: p.RequestID, Content: p.Content, AcceptedAt: p.AcceptedAt,
		Account: c.Account, ConversationID: c.GetOptions().GetConversationId(), Method: c.Method, Objects: len(c.Objects),
	}
}

func TestOutlineIsThatOfThePart(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	key := keyOf("order")
	tx := s.Begin(0, Meta{})
	stage(t, tx, key, 1)
	var want []Outline
	for i, c := range []*parleyv1.Call{
		{},
		{Account: "acme", RequestId: "r", Method: "Perform", Action: "start", Objects: []*parleyv1.Object{{Type: "Row"}}},
		{
			Account: "acme", Method: "Create", Digest: make([]byte, 32), Traceparent: "t",
			Objects: []*parleyv1.Object{{Type: "Row", Properties: []byte(`{}`)}, {}, {Type: "Row"}},
			Options: &parleyv1.Options{ConversationId: new("c"), SequenceCode: new(int32(2)), CallsInConversation: new(int32(3)), ScheduledTimeMs: new(int64(7))},
		},
	} {
		k := int32(i) + 2
		p := Part{Message: c, RequestID: idOf(int64(k)), Content: uint64(i) << 40, AcceptedAt: epoch}
		tx.PutPart(key, k, p)
		want = append(want, outlineOf(k, p, c))
	}
	apply(t, tx, Applied{At: epoch})
	v := s.View(0)
	defer v.Close()
	for _, want := range want {
		if got, found, err := v.Outline(key, want.SequenceCode); err != nil || !found || got != want {
			t.Errorf("%+v, %t, %v, want %+v", got, found, err, want)
		}
	}
	if _, found, err := v.Outline(key, 9); found || err != nil {
		t.Errorf("of no part: %t, %v", found, err)
	}
	if got, err := v.Outlines(key, 1, 2); err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("of two parts behind the first: %+v, %v, want %+v", got, err, want[:2])
	}
}

// The outline of what can be decoded is that of what it is decoded to.
func FuzzOutline(f *testing.F) {
	raw, err := proto.Marshal(&parleyv1.Call{Account: "a", Method: "Create", Objects: []*parleyv1.Object{{Type: "t"}}, Options: &parleyv1.Options{ConversationId: new("c")}})
	if err != nil {
		f.Fatal(err)
	}
	key := partKey(0, keyOf("order"), 7)
	for _, call := range [][]byte{raw, {0x0a, 0x05}} {
		value, err := encodePart(&Part{Call: call, RequestID: idOf(1), Content: 3, AcceptedAt: epoch})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		o, err := decodeOutline(key, value)
		p, decoded := decodePart(key, value)
		if decoded != nil {
			return
		}
		c, decoded := p.Decode()
		if decoded != nil {
			return
		}
		if want := outlineOf(7, p, c); err != nil || o != want {
			t.Errorf("%+v, %v, want %+v", o, err, want)
		}
	})
}
