package schemas

import (
	"cmp"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// commandBytesMax bounds the value of a cancel or resubmit record.
const commandBytesMax = 64 << 10

// Cancel asks to cancel a conversation: the value of a cancel record on parley.calls. Exactly one of ConversationID and
// RequestID (of a call without ConversationID) is set.
type Cancel struct {
	Account        string `json:"account"`
	ConversationID string `json:"conversationId,omitzero"`
	RequestID      string `json:"requestId,omitzero"`
}

// Resubmit asks to run the unfinished parts of a conversation that failed again, as another conversation: the value of a
// resubmit record on parley.calls. Exactly one of ConversationID and RequestID (of a call without ConversationID) is
// set.
type Resubmit struct {
	Account        string `json:"account"`
	ConversationID string `json:"conversationId,omitzero"`
	RequestID      string `json:"requestId,omitzero"`
	// As is the ConversationID of the new one.
	As string `json:"as"`
	// IncludeFailed repeats the part that failed, too.
	IncludeFailed bool `json:"includeFailed,omitzero"`
}

// DecodeCancel reads a cancel in its JSON form, strictly. What it returns without a problem names one conversation: of
// the account by whose topic it came, else (empty) of the one that it says itself.
func (l Limits) DecodeCancel(account string, b []byte) (*Cancel, *Problem) {
	c := new(Cancel)
	if p := decodeCommand(b, c, "a cancel"); p != nil {
		return nil, p
	}
	if p := SameAccount(account, c.Account); p != nil {
		return nil, p
	}
	c.Account = cmp.Or(account, c.Account)
	if p := l.named(c.Account, c.ConversationID, c.RequestID); p != nil {
		return nil, p
	}
	return c, nil
}

// DecodeResubmit reads a resubmit in its JSON form, strictly. What it returns without a problem names two different
// conversations.
func (l Limits) DecodeResubmit(b []byte) (*Resubmit, *Problem) {
	r := new(Resubmit)
	if p := decodeCommand(b, r, "a resubmit"); p != nil {
		return nil, p
	}
	if p := l.named(r.Account, r.ConversationID, r.RequestID); p != nil {
		return nil, p
	}
	if r.As == "" {
		return nil, problem(ConversationIDRequired, "/as", "the new conversation needs an id of its own")
	}
	if p := l.conversationID("/as", r.As); p != nil {
		return nil, p
	}
	if r.As == r.ConversationID {
		return nil, problem(InvalidParameter, "/as", "the id of the old conversation has been used; the new one needs another")
	}
	return r, nil
}

// EncodeCancel is the inverse of DecodeCancel. The error says that a text is not valid UTF-8.
func EncodeCancel(c *Cancel) ([]byte, error) { return json.Marshal(c) }

// EncodeResubmit is the inverse of DecodeResubmit. The error says that a text is not valid UTF-8.
func EncodeResubmit(r *Resubmit) ([]byte, error) { return json.Marshal(r) }

func decodeCommand(b []byte, into any, what string) *Problem {
	if len(b) > commandBytesMax {
		return problem(TooLarge, "", "%s has at most %d bytes, this one has %d", what, commandBytesMax, len(b))
	}
	return decodeObject(b, into, what)
}

// named checks the name of a conversation.
func (l Limits) named(account, conversationID, requestID string) *Problem {
	switch {
	case !ValidAccount(account):
		return problem(InvalidParameter, "/account", "an account is 1 to 64 of A-Z a-z 0-9 . _ -")
	case conversationID == "" && requestID == "":
		return problem(ConversationIDRequired, "/conversationId", "name the conversation: its conversationId, or the requestId of a call without one")
	case conversationID != "" && requestID != "":
		return problem(InvalidParameter, "/requestId", "a conversation has a conversationId or a requestId, not both")
	case requestID == "":
		return l.conversationID("/conversationId", conversationID)
	}
	if id, err := uuid.Parse(requestID); err != nil || id.String() != requestID {
		return problem(InvalidParameter, "/requestId", "a request id is a UUID in lower case, as 018f4c1e-7c1a-7b5e-9d55-0242ac120002")
	}
	return nil
}

// conversationID checks an id that is not empty.
func (l Limits) conversationID(pointer, id string) *Problem {
	if len(id) > l.ConversationIDBytesMax {
		return problem(InvalidParameter, pointer, "at most %d bytes, this has %d", l.ConversationIDBytesMax, len(id))
	}
	return nil
}
