package executor

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// The headers of a request; on Kafka they are in lower case.
const (
	// HeaderIdempotencyKey is the same for every attempt at a call.
	HeaderIdempotencyKey = "Idempotency-Key"
	// HeaderDeferredToken is what the call can be answered with later, after an answer of 202.
	HeaderDeferredToken = "Parley-Deferred-Token"
	// HeaderFence rises with every change of the owner of the call's partition: a backend that has seen a higher one
	// of the same conversation knows that this attempt comes from an owner that has been replaced.
	HeaderFence = "Parley-Fence"
)

// Request is one attempt at a call.
type Request struct {
	Call *parleyv1.Call
	// Attempt counts from 1.
	Attempt int32
	// Fence is a number that rises with every change of the partition's owner.
	Fence int64
	// Token is the call's deferred token.
	Token string
}

// requestJSON is all of a request but the objects, which stand behind it as they were received.
type requestJSON struct {
	Account             string `json:"account"`
	RequestID           string `json:"requestId"`
	ConversationID      string `json:"conversationId"`
	SequenceCode        int32  `json:"sequenceCode"`
	CallsInConversation int32  `json:"callsInConversation"`
	Attempt             int32  `json:"attempt"`
	Method              string `json:"method"`
	Action              string `json:"action"`
	// DeferredToken, Fence and Traceparent are in headers, but not those of a batch, which belong to all its calls.
	DeferredToken string `json:"deferredToken,omitzero"`
	Fence         int64  `json:"fence,omitzero"`
	Traceparent   string `json:"traceparent,omitzero"`
	// Options are the properties of the call's options, as they were received.
	Options jsontext.Value `json:"options,omitzero"`
}

// body is the request as it goes alone.
func (req Request) body() ([]byte, error) { return req.json().with(remaining(req.Call)) }

// element is the request as it goes in a batch.
func (req Request) element() ([]byte, error) {
	j := req.json()
	j.DeferredToken, j.Fence, j.Traceparent = req.Token, req.Fence, req.Call.Traceparent
	return j.with(remaining(req.Call))
}

func (req Request) json() requestJSON {
	c := req.Call
	sequenceCode, calls := schemas.Place(c)
	return requestJSON{
		Account:             c.Account,
		RequestID:           c.RequestId,
		ConversationID:      c.GetOptions().GetConversationId(),
		SequenceCode:        sequenceCode,
		CallsInConversation: calls,
		Attempt:             req.Attempt,
		Method:              c.Method,
		Action:              c.Action,
		Options:             c.GetOptions().GetProperties(),
	}
}

func (j requestJSON) with(objects []*parleyv1.Object) ([]byte, error) {
	head, err := json.Marshal(&j)
	if err != nil {
		return nil, err
	}
	b := append(head[:len(head)-1], `,"objects":`...)
	if b, err = schemas.AppendObjects(b, objects); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}
