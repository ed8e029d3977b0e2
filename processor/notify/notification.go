package notify

import (
	"slices"
	"time"

	"parley/internal/partnerapi"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Notification is what one receiver is told of the end of one call or conversation. It is the same at each attempt, but for
// Attempt, and for what has been erased since. A sender must not change it, nor keep it when Send has returned.
type Notification struct {
	// ID names the delivery: the same at each attempt, and no other's, not even another installation's. It is printable
	// ASCII without dots and spaces, at most 64 bytes.
	ID string
	// Account is whose call or conversation it is.
	Account string
	// Target is whom to tell, as the call named it, valid.
	Target *parleyv1.ResponseTarget
	// Soap is set when the call came by SOAP: what is told has the forms of that interface.
	Soap bool
	// Type is the type of the event: one of schemas.EventCallCompleted and those beside it.
	Type string
	// Sequence is partition-sequence of the event, Cursor a position in all results behind it: who has this one goes on at
	// GET /v1/results?after=.
	Sequence string
	Cursor   string
	// Timestamp is when the call or the conversation ended.
	Timestamp time.Time
	// Attempt counts the attempts, from 1.
	Attempt int32
	// Traceparent is the trace that the call belongs to (W3C Trace Context); empty: none, or it is a conversation's.
	Traceparent string
	// Truncated is set when results or objects that Target includes are left out: there are too many.
	Truncated bool
	// FirstError is, with Soap, the status, code and message of the first result that is not OK, of the call or of those of the
	// conversation, whether Target includes results or not. Nil: there is none.
	FirstError *schemas.ResultResource
	// Call or Conversation is what ended, one of the two, as a poll shows it. Results are there only if Target includes them,
	// and their objects only if it includes these, too.
	Call         *schemas.CallResource
	Conversation *schemas.ConversationResource
	// Body is all that as the JSON document of a callback: the schema Callback of openapi.yaml. With Soap it is nil.
	Body []byte
}

// AppendXML appends the results that are told as one document in the XML of the partner API, a response for each call. A call whose
// results are left out is not in it.
func (n *Notification) AppendXML(b []byte) []byte {
	return partnerapi.AppendDetails(b, n.told(), n.extent())
}

// AppendDetail appends the same for a call alone, as a response without another element around it. Nothing is appended when its
// results are left out.
func (n *Notification) AppendDetail(b []byte) []byte {
	for _, c := range n.told() {
		b = partnerapi.AppendDetail(b, &c, n.extent())
	}
	return b
}

// told are the calls whose results are told.
func (n *Notification) told() []schemas.CallResource {
	var all []schemas.CallResource
	if n.Call != nil {
		all = []schemas.CallResource{*n.Call}
	}
	if n.Conversation != nil {
		all = slices.Clone(n.Conversation.Calls)
	}
	return slices.DeleteFunc(all, func(c schemas.CallResource) bool { return len(c.Results) < c.Total })
}

// extent is how much is told of objects.
func (n *Notification) extent() partnerapi.Extent {
	if n.Target.GetIncludeObjects() && n.Target.GetOnlyIncludeBase() {
		return partnerapi.BaseOnly
	}
	return partnerapi.WholeObject
}
