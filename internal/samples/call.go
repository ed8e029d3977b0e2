package samples

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// call is one line.
type call struct {
	Method  string   `json:"method"`
	Action  string   `json:"action,omitempty"`
	Objects []object `json:"objects"`
	Options options  `json:"options"`
}

type object struct {
	Type          string     `json:"type"`
	CustomerKey   string     `json:"customerKey,omitempty"`
	SubscriberKey string     `json:"subscriberKey,omitempty"`
	CorrelationID string     `json:"correlationId"`
	Properties    properties `json:"properties"`
}

type options struct {
	ConversationID      string `json:"conversationId"`
	SequenceCode        int    `json:"sequenceCode"`
	CallsInConversation int    `json:"callsInConversation"`
	FailOn              string `json:"failOn,omitempty"`
}

// properties are written in this order.
type properties []property

type property struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, one := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(one.value)
		if err != nil {
			return nil, fmt.Errorf("encode property %s: %w", one.name, err)
		}
		fmt.Fprintf(&b, "%q:%s", one.name, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// told is what the demo backend reads in the property _backend.
type told struct {
	Error     string `json:"error,omitempty"`
	Message   string `json:"message,omitempty"`
	FailTimes int    `json:"failTimes,omitempty"`
}

// tell makes the backend treat the object so. The properties may be shared with other calls.
func (o *object) tell(t told) {
	o.Properties = append(slices.Clip(o.Properties), property{"_backend", t})
}

// line is the call as it stands in the file.
func (c *call) line() ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode call: %w", err)
	}
	return append(b, '\n'), nil
}
