package ingest

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/internal/telemetry"
	"parley/internal/topics"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// recorder makes records of parley.calls.
type recorder struct {
	topic      string
	partitions int32
	limits     schemas.Limits
	routes     *route.Current
	now        func() time.Time
	// headers are those of every call's record, which share them: nobody changes them.
	headers []kgo.RecordHeader
}

// callHeaders say how the records of calls are encoded.
func callHeaders() []kgo.RecordHeader {
	return []kgo.RecordHeader{{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentProtobuf)}}
}

// sender is what a request says of all its calls.
type sender struct {
	account string
	// key is the Idempotency-Key; empty: there is none.
	key string
	// many: they are answered with a list, in which no status has a place.
	many bool
	// trace is the one that the calls belong to.
	trace telemetry.Trace
}

// queued is a call on its way to the log.
type queued struct {
	id     schemas.RequestID
	call   *parleyv1.Call
	record kgo.Record
	// content is the schemas.Content of a call that its Idempotency-Key identifies; zero: none does.
	content uint64
}

// record makes the record of the call at a position, from 0, of a request, from the bytes received for it. Its
// error is a *schemas.Problem, or a fault of ours.
func (r *recorder) record(from sender, position int, received []byte) (queued, error) {
	call, err := r.decode(from.account, received)
	if err != nil {
		return queued{}, err
	}
	if from.many && schemas.IsSynchronous(call) {
		return queued{}, &schemas.Problem{
			Code:    schemas.InvalidParameter,
			Pointer: "/options/requestType",
			Detail:  "a Synchronous call is answered with its status; send it in a request of its own, as one JSON object",
		}
	}
	digest := sha256.Sum256(received)
	call.Digest = digest[:]
	id, at, err := r.identify(from, position, call)
	if err != nil {
		return queued{}, fmt.Errorf("identify call: %w", err)
	}
	call.RequestId = id.String()
	call.Traceparent, call.Tracestate = from.trace.Traceparent, from.trace.Tracestate
	value, err := proto.Marshal(call)
	if err != nil {
		return queued{}, fmt.Errorf("encode call: %w", err)
	}
	content, err := keyedContent(id, call)
	if err != nil {
		return queued{}, err
	}
	return queued{
		id:   id,
		call: call,
		record: kgo.Record{
			Topic:     r.topic,
			Partition: at.partition,
			Key:       []byte(at.key),
			Value:     value,
			Headers:   r.headers,
		},
		content: content,
	}, nil
}

// keyedContent is what a call asks for that its Idempotency-Key identifies; zero: none does.
func keyedContent(id schemas.RequestID, call *parleyv1.Call) (uint64, error) {
	if !schemas.Keyed(id) {
		return 0, nil
	}
	content, err := schemas.Content(call)
	if err != nil {
		return 0, fmt.Errorf("tell the content of call: %w", err)
	}
	return content, nil
}

// decode returns the valid call that was received, of an account.
func (r *recorder) decode(account string, received []byte) (*parleyv1.Call, error) {
	if len(received) > r.limits.CallBytesMax {
		return nil, &schemas.Problem{
			Code:   schemas.TooLarge,
			Detail: fmt.Sprintf("a call has at most %d bytes, this one has %d; send its objects in several calls", r.limits.CallBytesMax, len(received)),
		}
	}
	call, p := schemas.DecodeCall(received)
	if p == nil {
		p = reserved(call)
	}
	if p == nil {
		call.Account = account
		p = r.limits.Validate(call, r.now())
	}
	if p == nil {
		_, p = r.routes.ForCall(call)
	}
	if p == nil {
		p = schemas.Unsupported(call)
	}
	if p != nil {
		return nil, p
	}
	return call, nil
}

// reserved refuses the members that only a producer that writes to Kafka itself may give.
func reserved(call *parleyv1.Call) *schemas.Problem {
	switch {
	case call.Account != "":
		return &schemas.Problem{Code: schemas.InvalidParameter, Pointer: "/account", Detail: "the request says whose call it is, not its body; leave it out"}
	case call.RequestId != "":
		return &schemas.Problem{Code: schemas.InvalidParameter, Pointer: "/requestId", Detail: "the request id is given by the answer; leave it out, and send an Idempotency-Key to repeat a request safely"}
	}
	return nil
}

// place is where the record of a call goes.
type place struct {
	key       string
	partition int32
}

func (r *recorder) place(account, conversation string, id schemas.RequestID) place {
	key := schemas.RecordKey(account, conversation, id)
	return place{key: key, partition: topics.Partition(key, r.partitions)}
}

// identify returns the request id of a valid call, by the first rule of DESIGN section 3 that holds, and its place.
func (r *recorder) identify(from sender, position int, call *parleyv1.Call) (id schemas.RequestID, at place, err error) {
	if conversation := call.GetOptions().GetConversationId(); conversation != "" {
		at = r.place(call.Account, conversation, schemas.RequestID{})
		sequenceCode, _ := schemas.Place(call)
		return schemas.PartRequestID(call.Account, conversation, sequenceCode, call.Digest, at.partition), at, nil
	}
	if from.key != "" {
		id = schemas.KeyedRequestID(call.Account, from.key, position)
	} else if id, err = schemas.NewRequestID(); err != nil {
		return id, at, err
	}
	return id, r.place(call.Account, "", id), nil
}
