package schemas

import (
	"strconv"
	"strings"
	"time"
)

// Resubmission asks to run the unfinished calls of a conversation that failed again: the body of
// POST /v1/conversations/{id}/resubmit.
type Resubmission struct {
	// ConversationID is the new conversation's.
	ConversationID string `json:"conversationId"`
	// IncludeFailed repeats the call that failed, too.
	IncludeFailed bool `json:"includeFailed,omitzero"`
}

// DecodeResubmission reads a resubmission of the conversation old in its JSON form, strictly.
func (l Limits) DecodeResubmission(b []byte, old string) (*Resubmission, *Problem) {
	r := new(Resubmission)
	if p := decodeCommand(b, r, "a resubmission"); p != nil {
		return nil, p
	}
	if p := l.CheckResubmission(r, old); p != nil {
		return nil, p
	}
	return r, nil
}

// CheckResubmission checks the id of the new conversation.
func (l Limits) CheckResubmission(r *Resubmission, old string) *Problem {
	const at = "/conversationId"
	switch r.ConversationID {
	case "":
		return problem(ConversationIDRequired, at, "the new conversation needs an id of its own")
	case old:
		return problem(InvalidParameter, at, "the id of the old conversation has been used; the new one needs another")
	}
	return l.conversationID(at, r.ConversationID)
}

// BulkResubmission asks to resubmit all conversations that failed in a period: the body of POST /v1/resubmit.
type BulkResubmission struct {
	// Route is the name of the route of the call that failed; empty: any.
	Route string `json:"route,omitzero"`
	// ErrorCode is that of the conversation, or of an object of the call that failed; empty: any.
	ErrorCode Code `json:"errorCode,omitzero"`
	// From and To are when the conversation ended, From inclusive, To exclusive.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// IncludeFailed repeats the calls that failed, too.
	IncludeFailed bool `json:"includeFailed,omitzero"`
	// Limit bounds the conversations, which are taken in the order of their ends. Zero: BulkLimitDefault.
	Limit int `json:"limit,omitzero"`
	// DryRun says which conversations it would be, and resubmits none.
	DryRun bool `json:"dryRun,omitzero"`
}

// BulkLimitMax bounds the conversations of one BulkResubmission.
const (
	BulkLimitDefault = 1_000
	BulkLimitMax     = 10_000
)

// DecodeBulkResubmission reads a bulk resubmission in its JSON form, strictly. Its limit is set.
func DecodeBulkResubmission(b []byte) (*BulkResubmission, *Problem) {
	r := new(BulkResubmission)
	if p := decodeCommand(b, r, "a bulk resubmission"); p != nil {
		return nil, p
	}
	if r.Limit == 0 {
		r.Limit = BulkLimitDefault
	}
	switch {
	case r.From.IsZero():
		return nil, problem(InvalidParameter, "/from", "say when the conversations ended: from a time, as 2026-12-01T08:00:00Z")
	case r.To.IsZero():
		return nil, problem(InvalidParameter, "/to", "say when the conversations ended: up to a time, as 2026-12-01T09:00:00Z")
	case !r.From.Before(r.To):
		return nil, problem(InvalidParameter, "/to", "to is later than from")
	case r.Limit < 1 || r.Limit > BulkLimitMax:
		return nil, problem(InvalidParameter, "/limit", "from 1 to %d, not %d", BulkLimitMax, r.Limit)
	}
	return r, nil
}

// BulkResubmitted is what came of one conversation of a bulk resubmission: a line of the answer.
type BulkResubmitted struct {
	// ConversationID is the conversation that failed, or the request id of a call without one; As the new one's id.
	ConversationID string `json:"conversationId"`
	As             string `json:"as"`
	// ErrorCode and Message say why it failed.
	ErrorCode Code   `json:"errorCode"`
	Message   string `json:"message"`
	// Status is that of the new conversation. Empty in a dry run, and when there is none.
	Status ConversationStatus `json:"status,omitempty"`
}

// NextID is the id that a conversation gets when it is resubmitted in bulk: that of the old one with ~2 behind it, then
// ~3, and so on. It is the same each time, so that a repeated bulk resubmission makes no conversation twice.
func NextID(old string) string {
	if i := strings.LastIndexByte(old, '~'); i >= 0 {
		n, err := strconv.ParseUint(old[i+1:], 10, 16)
		if err == nil && n >= 2 && strconv.FormatUint(n, 10) == old[i+1:] {
			return old[:i+1] + strconv.FormatUint(n+1, 10)
		}
	}
	return old + "~2"
}
