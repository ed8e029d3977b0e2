package publish

import (
	"cmp"
	"crypto/sha256"
	"fmt"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/topics"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Producer makes the records of calls. It holds nothing, and may be shared.
type Producer struct {
	// Prefix begins the names of Parley's topics. Empty: "parley".
	Prefix string
	// Partitions counts those of the topic of calls, wherever the records go: the request id of a call of a conversation
	// names one of them. The function Partitions finds it.
	Partitions int32
	// Inbox is the account whose own topic the records go to. Empty: they go to the topic of calls.
	Inbox string
	// JSON has values written in the JSON of POST /v1/calls, for people to read. Else they are protobuf, which is shorter.
	JSON bool
}

// Message is a call that can be produced, once or more often: it is always the same call.
type Message struct {
	// Record goes to a client that was made with Options.
	Record *kgo.Record
	// RequestID is what GET /v1/requests/{requestId} knows the call by: at once if it was written to the topic of calls,
	// a moment later if to that of its account.
	RequestID schemas.RequestID
}

// Message returns the message of a call, which it does not change. A call with a ConversationID is known by its content.
// A call without one can be given a RequestId, a UUID, so that whoever makes its message again, as after a crash, makes the
// same call; else it gets one. The error is a *schemas.Problem if the call cannot be identified.
func (p Producer) Message(call *parleyv1.Call) (Message, error) {
	own, err := p.identifiable(call)
	if err != nil {
		return Message{}, err
	}
	id, err := name(own)
	if err != nil {
		return Message{}, fmt.Errorf("make request id: %w", err)
	}
	value, contentType, err := p.encode(own)
	if err != nil {
		return Message{}, fmt.Errorf("encode call: %w", err)
	}
	switch {
	case own.GetOptions().GetConversationId() != "":
		digest := sha256.Sum256(value)
		own.Digest = digest[:]
		id = topics.PartRequestID(own, p.Partitions)
	case p.Inbox != "":
		id = schemas.KeyedRequestID(p.Inbox, id.String(), 0)
	}
	r := &kgo.Record{Value: value, Headers: []kgo.RecordHeader{{Key: schemas.HeaderContentType, Value: []byte(contentType)}}}
	Log{Topic: p.topic(), Partitions: p.Partitions}.Place(r, own, id)
	return Message{Record: r, RequestID: id}, nil
}

// identifiable returns a copy of a call that says whose it is.
func (p Producer) identifiable(call *parleyv1.Call) (*parleyv1.Call, error) {
	if p.Partitions < 1 || p.Partitions > schemas.PartitionsMax {
		return nil, fmt.Errorf("partitions: from 1 to %d, not %d", schemas.PartitionsMax, p.Partitions)
	}
	if problem := schemas.SameAccount(p.Inbox, call.Account); problem != nil {
		return nil, problem
	}
	own := &parleyv1.Call{
		Account:     cmp.Or(p.Inbox, call.Account),
		RequestId:   call.RequestId,
		Method:      call.Method,
		Action:      call.Action,
		Objects:     call.Objects,
		Options:     call.Options,
		Traceparent: call.Traceparent,
		Tracestate:  call.Tracestate,
	}
	if problem := schemas.DefaultLimits().Refusable(own); problem != nil {
		return nil, problem
	}
	if own.RequestId != "" && own.GetOptions().GetConversationId() != "" {
		return nil, &schemas.Problem{Code: schemas.InvalidParameter, Pointer: "/requestId", Detail: "the id of a call of a conversation is made of its content; leave it out"}
	}
	return own, nil
}

// name gives a call without a conversation a name, unless it has one.
func name(call *parleyv1.Call) (id schemas.RequestID, err error) {
	if call.GetOptions().GetConversationId() != "" {
		return id, nil
	}
	if call.RequestId != "" {
		id, err = uuid.Parse(call.RequestId)
	} else {
		id, err = schemas.NewRequestID()
	}
	call.RequestId = id.String()
	return id, err
}

func (p Producer) encode(call *parleyv1.Call) (value []byte, contentType string, err error) {
	if p.JSON {
		value, err = schemas.EncodeCall(call)
		return value, schemas.ContentJSON, err
	}
	value, err = proto.MarshalOptions{Deterministic: true}.Marshal(call)
	return value, schemas.ContentProtobuf, err
}

func (p Producer) topic() string {
	all := schemas.TopicsOf(cmp.Or(p.Prefix, defaultPrefix))
	if p.Inbox != "" {
		return all.Inbox(p.Inbox)
	}
	return all.Calls
}

const defaultPrefix = "parley"
