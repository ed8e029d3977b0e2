package backend

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// The methods of a call.
const (
	methodCreate  = "Create"
	methodUpdate  = "Update"
	methodDelete  = "Delete"
	methodPerform = "Perform"
)

// Call is a call as the http executor sends it.
type Call struct {
	Account             string   `json:"account"`
	RequestID           string   `json:"requestId"`
	ConversationID      string   `json:"conversationId"`
	SequenceCode        int32    `json:"sequenceCode"`
	CallsInConversation int32    `json:"callsInConversation"`
	Attempt             int32    `json:"attempt"`
	Method              string   `json:"method"`
	Action              string   `json:"action,omitempty"`
	DeferredToken       string   `json:"deferredToken,omitempty"` // in a batch, as is Fence; else they are headers
	Fence               int64    `json:"fence,omitempty"`
	Objects             []Object `json:"objects"`
}

// Object is what a call acts on. Members that the backend has no use for are dropped.
type Object struct {
	Type          string                     `json:"type"`
	CustomerKey   string                     `json:"customerKey,omitempty"`
	SubscriberKey string                     `json:"subscriberKey,omitempty"`
	PartnerKey    string                     `json:"partnerKey,omitempty"`
	ID            string                     `json:"id,omitempty"`
	ObjectID      string                     `json:"objectId,omitempty"`
	CorrelationID string                     `json:"correlationId,omitempty"`
	Properties    map[string]json.RawMessage `json:"properties,omitempty"`
}

// Result is the outcome of one object.
type Result struct {
	Ordinal       int    `json:"ordinal"`
	CorrelationID string `json:"correlationId,omitempty"`
	Status        string `json:"status"`
	ErrorCode     string `json:"errorCode,omitempty"`
	Message       string `json:"message,omitempty"`
}

const (
	statusOK    = "OK"
	statusError = "Error"
)

// key is the object's key; ordinal is its place in the call.
func (c *Call) key(ordinal int) string {
	o := c.Objects[ordinal]
	return cmp.Or(o.CustomerKey, o.SubscriberKey, o.PartnerKey, o.ID, o.ObjectID, fmt.Sprintf("%s-%d", c.RequestID, ordinal))
}

// behaviorProperty is the property that carries a Behavior.
const behaviorProperty = "_backend"

// Behavior is what an object tells the backend to do instead of its duty. Of several objects of a call the
// longest times count, the first Defer, and the first Status or FailTimes.
type Behavior struct {
	// DelayMs is waited before the call is executed, a minute at most.
	DelayMs int64 `json:"delayMs"`

	// LingerMs is waited when the call has been acted on, before it is answered, a minute at most: who is killed
	// meanwhile does not learn what came of it.
	LingerMs int64 `json:"lingerMs"`

	// Status is answered instead of executing the call, with Error and Message in its body.
	Status int `json:"status"`

	// FailTimes is how many attempts are answered with Status, or 503, before the call is executed.
	FailTimes int `json:"failTimes"`

	// Error makes the object's result an Error with this code and Message; the object is left alone.
	Error   string `json:"error"`
	Message string `json:"message"`

	// RetryAfter is said with Status or 503, in seconds; zero: it is not said.
	RetryAfter int `json:"retryAfter"`

	// Defer answers 202. When the call is executed and answered: DeferEarly, DeferLate, DeferTwice or DeferNever.
	Defer string `json:"defer"`

	// AnswerAfterMs is the time to a late answer, a minute at most.
	AnswerAfterMs int64 `json:"answerAfterMs"`
}

// The ways to defer a call.
const (
	// DeferEarly executes and answers it before the 202.
	DeferEarly = "early"
	// DeferLate executes and answers it after AnswerAfterMs.
	DeferLate = "late"
	// DeferTwice is DeferLate with the answer repeated.
	DeferTwice = "twice"
	// DeferNever leaves it to whoever holds the token.
	DeferNever = "never"
)

// behavior reads what the object tells; zero if nothing.
func (o *Object) behavior() (Behavior, error) {
	raw, ok := o.Properties[behaviorProperty]
	if !ok {
		return Behavior{}, nil
	}
	var b Behavior
	if err := json.Unmarshal(raw, &b); err != nil {
		return Behavior{}, fmt.Errorf("property %s: %w", behaviorProperty, err)
	}
	if b.Status != 0 && (b.Status < 400 || b.Status > 599) {
		return Behavior{}, fmt.Errorf("property %s: status %d is not between 400 and 599", behaviorProperty, b.Status)
	}
	if !slices.Contains([]string{"", DeferEarly, DeferLate, DeferTwice, DeferNever}, b.Defer) {
		return Behavior{}, fmt.Errorf("property %s: defer %q is none of early, late, twice, never", behaviorProperty, b.Defer)
	}
	return b, nil
}

// own are the object's properties without what is meant for the backend.
func (o *Object) own() map[string]json.RawMessage {
	p := maps.Clone(o.Properties)
	delete(p, behaviorProperty)
	return p
}
