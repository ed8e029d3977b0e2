package executor

import (
	"github.com/go-json-experiment/json"

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

// body is the call with its objects as they were received.
func (req Request) body() ([]byte, error) {
	c := req.Call
	sequenceCode, calls := schemas.Place(c)
	head, err := json.Marshal(struct {
		Account             string `json:"account"`
		RequestID           string `json:"requestId"`
		ConversationID      string `json:"conversationId"`
		SequenceCode        int32  `json:"sequenceCode"`
		CallsInConversation int32  `json:"callsInConversation"`
		Attempt             int32  `json:"attempt"`
		Method              string `json:"method"`
		Action              string `json:"action"`
	}{c.Account, c.RequestId, c.GetOptions().GetConversationId(), sequenceCode, calls, req.Attempt, c.Method, c.Action})
	if err != nil {
		return nil, err
	}
	b := append(head[:len(head)-1], `,"objects":`...)
	if b, err = schemas.AppendObjects(b, c.Objects); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}
