package schemas

import (
	"time"
)

// Callback is what a receiver is told of the end of a call or of a conversation: see the webhook callback in openapi.yaml.
type Callback struct {
	// Type is EventCallCompleted, or one of those beside it.
	Type string `json:"type"`
	// Sequence is partition-sequence of the event; Cursor is a position in all results behind it.
	Sequence string `json:"sequence"`
	Cursor   string `json:"cursor"`
	// Timestamp is when it ended.
	Timestamp time.Time `json:"timestamp"`
	// Truncated is true when results or objects that were asked for are left out: there are too many.
	Truncated bool `json:"truncated,omitempty"`
	// One of them is set.
	Call         *CallResource         `json:"call,omitempty"`
	Conversation *ConversationResource `json:"conversation,omitempty"`
}

// AppendJSON appends the callback to b as JSON. The error says that a text of it is not valid UTF-8.
func (c *Callback) AppendJSON(b []byte) ([]byte, error) {
	j := jsonText{b: b}
	j.text(`{"type":`, c.Type)
	j.text(`,"sequence":`, c.Sequence)
	j.text(`,"cursor":`, c.Cursor)
	j.time(`,"timestamp":`, &c.Timestamp)
	if c.Truncated {
		j.raw(`,"truncated":true`)
	}
	if c.Call != nil {
		j.raw(`,"call":`)
		j.resource(*c.Call)
	}
	if c.Conversation != nil {
		j.raw(`,"conversation":`)
		j.resource(*c.Conversation)
	}
	j.raw(`}`)
	return j.done()
}

func (j *jsonText) resource(r Resource) {
	if j.err == nil {
		j.b, j.err = r.AppendJSON(j.b)
	}
}
