package ingest

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
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
}

// sender is what a request says of all its calls.
type sender struct {
	account string
	// key is the Idempotency-Key; empty: there is none.
	key string
}

// queued is a call on its way to the log.
type queued struct {
	id     schemas.RequestID
	call   *parleyv1.Call
	record *kgo.Record
}

// record makes the record of the call at a position, from 0, of a request, from the bytes received for it. Its
// error is a *schemas.Problem, or a fault of ours.
func (r *recorder) record(from sender, position int, received []byte) (queued, error) {
	call, err := r.decode(from.account, received)
	if err != nil {
		return queued{}, err
	}
	digest := sha256.Sum256(received)
	call.Digest = digest[:]
	id, err := r.identify(from, position, call)
	if err != nil {
		return queued{}, fmt.Errorf("identify call: %w", err)
	}
	call.RequestId = id.String()
	value, err := proto.Marshal(call)
	if err != nil {
		return queued{}, fmt.Errorf("encode call: %w", err)
	}
	key := schemas.RecordKey(call.Account, call.GetOptions().GetConversationId(), id)
	return queued{
		id:   id,
		call: call,
		record: &kgo.Record{
			Topic:     r.topic,
			Partition: topics.Partition(key, r.partitions),
			Key:       []byte(key),
			Value:     value,
			Headers:   []kgo.RecordHeader{{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentProtobuf)}},
		},
	}, nil
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

// identify returns the request id of a valid call: the first rule of DESIGN section 3 that holds.
func (r *recorder) identify(from sender, position int, call *parleyv1.Call) (schemas.RequestID, error) {
	if conversation := call.GetOptions().GetConversationId(); conversation != "" {
		partition := topics.Partition(schemas.RecordKey(call.Account, conversation, schemas.RequestID{}), r.partitions)
		sequenceCode, _ := schemas.Place(call)
		return schemas.PartRequestID(call.Account, conversation, sequenceCode, call.Digest, partition), nil
	}
	if from.key != "" {
		return schemas.KeyedRequestID(call.Account, from.key, position), nil
	}
	return schemas.NewRequestID()
}
