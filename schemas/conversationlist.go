package schemas

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// ConversationsQuery asks for a page of an account's conversations, in the order of their places.
type ConversationsQuery struct {
	Account string
	// Statuses are those that are asked for; none: all.
	Statuses []ConversationStatus
	// From and To bound when the first call of a conversation was accepted, to the millisecond: From inclusive, To
	// exclusive. Zero: no bound.
	From, To time.Time
	// After is the place behind which the page begins; nil: the first page.
	After *ConversationPlace
	// Limit is how many are asked for, at least 1.
	Limit int
}

// Wants reports whether conversations with a status are asked for.
func (q ConversationsQuery) Wants(s ConversationStatus) bool {
	return len(q.Statuses) == 0 || slices.Contains(q.Statuses, s)
}

// Open are the statuses that are asked for of conversations that have not ended, Ended those of such that have.
func (q ConversationsQuery) Open() []ConversationStatus { return q.wanted(false) }

// Ended is explained at Open.
func (q ConversationsQuery) Ended() []ConversationStatus { return q.wanted(true) }

func (q ConversationsQuery) wanted(final bool) []ConversationStatus {
	return slices.DeleteFunc(ConversationStatuses(), func(s ConversationStatus) bool { return s.Final() != final || !q.Wants(s) })
}

// Has reports whether the period and the page that are asked for have a place.
func (q ConversationsQuery) Has(p ConversationPlace) bool {
	return !p.AcceptedAt.Before(q.From) && (q.To.IsZero() || p.AcceptedAt.Before(q.To)) && (q.After == nil || p.Compare(*q.After) > 0)
}

// ConversationPlace is where a conversation stands in the list of its account's: by the time at which its first call was
// accepted, and of one millisecond those with a ConversationID first. It never changes, and no two conversations share
// one.
type ConversationPlace struct {
	// AcceptedAt is a whole number of milliseconds.
	AcceptedAt time.Time
	// Single is set for a call without a ConversationID; ID is then the text of its request id.
	Single bool
	ID     string
}

// PlaceOf is the place of a conversation whose first call was accepted at a time.
func PlaceOf(key ConversationKey, acceptedAt time.Time) ConversationPlace {
	_, conversationID, id := key.Split()
	if key.Single() {
		return ConversationPlace{AcceptedAt: acceptedAt, Single: true, ID: id.String()}
	}
	return ConversationPlace{AcceptedAt: acceptedAt, ID: conversationID}
}

// Key is the key of the conversation, which is of an account.
func (p ConversationPlace) Key(account string) ConversationKey {
	if !p.Single {
		return NewConversationKey(account, p.ID, RequestID{})
	}
	id, _ := uuid.Parse(p.ID) // it is one: see ParseConversationPlace
	return NewConversationKey(account, "", id)
}

// Compare says which place comes first, as cmp.Compare does.
func (p ConversationPlace) Compare(o ConversationPlace) int {
	switch {
	case p.AcceptedAt.Before(o.AcceptedAt):
		return -1
	case p.AcceptedAt.After(o.AcceptedAt):
		return 1
	case p.Single != o.Single:
		if o.Single {
			return -1
		}
		return 1
	}
	return strings.Compare(p.ID, o.ID)
}

// placeFormat is the first byte of a place in its text form, singleFormat that of a place of a call alone.
const (
	placeFormat  = 1
	singleFormat = 2
)

// String is the place as callers hand it back to us; they read nothing into it.
func (p ConversationPlace) String() string {
	b := []byte{placeFormat}
	if p.Single {
		b[0] = singleFormat
	}
	b = binary.BigEndian.AppendUint64(b, uint64(p.AcceptedAt.UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(append(b, p.ID...))
}

// ParseConversationPlace reads what String has written; false: the text is something else.
func ParseConversationPlace(text string) (ConversationPlace, bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) <= 9 || b[0] != placeFormat && b[0] != singleFormat || !utf8.Valid(b[9:]) {
		return ConversationPlace{}, false
	}
	p := ConversationPlace{
		AcceptedAt: time.UnixMilli(int64(binary.BigEndian.Uint64(b[1:]))).UTC(),
		Single:     b[0] == singleFormat,
		ID:         string(b[9:]),
	}
	return p, PlaceOf(p.Key(""), p.AcceptedAt).String() == text // it has one text only, and so has a request id
}

// Place is where the conversation stands in the list of its account's.
func (r ConversationResource) Place() ConversationPlace {
	p := ConversationPlace{Single: r.RequestID != "", ID: r.ConversationID}
	if r.AcceptedAt != nil {
		p.AcceptedAt = *r.AcceptedAt
	}
	return p
}
