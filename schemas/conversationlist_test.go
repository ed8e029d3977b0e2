package schemas

import (
	"bytes"
	"encoding/base64"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func placeOf(t *rapid.T) ConversationPlace {
	key := NewConversationKey("acme", rapid.SampledFrom([]string{"", "a", "ab", "b", "ä", "\x00", "00000000-0000-0000-0000-000000000000"}).Draw(t, "id"),
		uuid.UUID{0: rapid.Byte().Draw(t, "request id")})
	return PlaceOf(key, time.UnixMilli(rapid.Int64Range(0, 3).Draw(t, "accepted at")).UTC())
}

// A place says which conversation is there, comes back as it went, and is before all that keys would put behind it.
func TestPlaces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := placeOf(t), placeOf(t)
		if got, ok := ParseConversationPlace(a.String()); !ok || got != a {
			t.Errorf("%+v came back as %+v, %v", a, got, ok)
		}
		if got := PlaceOf(a.Key("acme"), a.AcceptedAt); got != a {
			t.Errorf("place of the key of %+v is %+v", a, got)
		}
		want := a.AcceptedAt.Compare(b.AcceptedAt)
		if want == 0 {
			want = bytes.Compare([]byte(a.Key("acme")), []byte(b.Key("acme")))
		}
		if got := a.Compare(b); got != want {
			t.Errorf("%+v to %+v is %d, want %d", a, b, got, want)
		}
	})
}

// FuzzParseConversationPlace: what can be read is written the same.
func FuzzParseConversationPlace(f *testing.F) {
	f.Add(ConversationPlace{AcceptedAt: time.UnixMilli(1).UTC(), ID: "order-1234"}.String())
	f.Add(ConversationPlace{Single: true, ID: uuid.Nil.String()}.String())
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, 20)))
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := ParseConversationPlace(text)
		if ok && (p.String() != text || !utf8.ValidString(p.ID) || p.ID == "") {
			t.Errorf("%q is %+v, which is %q", text, p, p.String())
		}
	})
}

func TestConversationsQuery(t *testing.T) {
	t.Parallel()
	open := []ConversationStatus{ConversationStaging, ConversationScheduled, ConversationProcessing}
	ended := []ConversationStatus{ConversationComplete, ConversationError, ConversationCancelled, ConversationExpired}
	for _, c := range []struct{ asked, open, ended []ConversationStatus }{
		{nil, open, ended},
		{open, open, nil},
		{[]ConversationStatus{ConversationExpired, ConversationScheduled, ConversationExpired}, open[1:2], ended[3:]},
	} {
		q := ConversationsQuery{Statuses: c.asked}
		if !slices.Equal(q.Open(), c.open) || !slices.Equal(q.Ended(), c.ended) {
			t.Errorf("of %v open are %v, ended %v", c.asked, q.Open(), q.Ended())
		}
	}
}
