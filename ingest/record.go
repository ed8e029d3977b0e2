package ingest

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/ingest/publish"
	"parley/internal/egress"
	"parley/internal/route"
	"parley/internal/telemetry"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// recorder makes records of parley.calls.
type recorder struct {
	log    publish.Log
	limits schemas.Limits
	routes *route.Current
	egress egress.Guard
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
	// at is when it came.
	at time.Time
	// key is the Idempotency-Key; empty: there is none.
	key string
	// many: they are answered with a list, in which no status has a place.
	many bool
	// trace is the one that the calls belong to.
	trace telemetry.Trace
	// decode reads a call that is not JSON, and whose bytes are bounded already. Nil: it is JSON.
	decode func(received []byte) (*parleyv1.Call, *schemas.Problem)
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
func (r *recorder) record(q *queued, from sender, position int, received []byte) error {
	call, err := r.decode(from, received)
	if err != nil {
		return err
	}
	if from.many && schemas.IsSynchronous(call) {
		return &schemas.Problem{
			Code:    schemas.InvalidParameter,
			Pointer: "/options/requestType",
			Detail:  "a Synchronous call is answered with its status; send it in a request of its own, as one JSON object",
		}
	}
	digest := sha256.Sum256(received)
	call.Digest = digest[:]
	q.call = call
	if err := r.identify(q, from, position); err != nil {
		return fmt.Errorf("identify call: %w", err)
	}
	call.RequestId = q.id.String()
	call.Traceparent, call.Tracestate = from.trace.Traceparent, from.trace.Tracestate
	if q.record.Value, err = proto.Marshal(call); err != nil {
		return fmt.Errorf("encode call: %w", err)
	}
	if q.content, err = keyedContent(q.id, call); err != nil {
		return err
	}
	q.record.Headers = r.headers
	return nil
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

// decode returns the valid call that was received.
func (r *recorder) decode(from sender, received []byte) (*parleyv1.Call, error) {
	call, p := r.read(from, received)
	if p == nil {
		call.Account = from.account
		p = r.limits.ValidateDecoded(call, from.at)
	}
	if p == nil {
		_, p = r.routes.ForCall(call)
	}
	if p == nil {
		p = r.reachable(call)
	}
	if p != nil {
		return nil, p
	}
	return call, nil
}

// read returns the call that was received, whatever it asks. In JSON its bytes are counted; those of another form say little of
// how long it is in a record.
func (r *recorder) read(from sender, received []byte) (call *parleyv1.Call, p *schemas.Problem) {
	if from.decode != nil {
		if call, p = from.decode(received); p == nil {
			p = r.fits(proto.Size(call))
		}
		return call, p
	}
	if p = r.fits(len(received)); p != nil {
		return nil, p
	}
	if call, p = schemas.DecodeCall(received); p == nil {
		p = reserved(call)
	}
	return call, p
}

// fits refuses a call that is too long.
func (r *recorder) fits(bytes int) *schemas.Problem {
	if bytes <= r.limits.CallBytesMax {
		return nil
	}
	return &schemas.Problem{
		Code:   schemas.TooLarge,
		Detail: fmt.Sprintf("a call has at most %d bytes, this one has %d; send its objects in several calls", r.limits.CallBytesMax, bytes),
	}
}

// reachable refuses a call that wants callbacks where none go, as far as the URLs tell: so who sends it learns of it now, and
// not from a delivery that was refused. Where a name leads is looked at when it is called.
func (r *recorder) reachable(call *parleyv1.Call) *schemas.Problem {
	for i, t := range call.GetOptions().GetSendResponseTo() {
		if t.ResponseType != schemas.ResponseHTTPPost {
			continue
		}
		if err := r.egress.CheckURL(t.ResponseAddress); err != nil {
			return &schemas.Problem{
				Code:    schemas.InvalidResponseAddress,
				Pointer: fmt.Sprintf("/options/sendResponseTo/%d/responseAddress", i),
				Detail:  err.Error(),
			}
		}
	}
	return nil
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

// identify gives a valid call its request id, by the first rule of DESIGN section 3 that holds, and its record the key and
// the partition.
func (r *recorder) identify(q *queued, from sender, position int) (err error) {
	if conversation := q.call.GetOptions().GetConversationId(); conversation != "" {
		r.log.Place(&q.record, q.call, q.id)
		sequenceCode, _ := schemas.Place(q.call)
		q.id = schemas.PartRequestID(q.call.Account, conversation, sequenceCode, q.call.Digest, q.record.Partition)
		return nil
	}
	if from.key != "" {
		q.id = schemas.KeyedRequestID(q.call.Account, from.key, position)
	} else if q.id, err = schemas.NewRequestID(); err != nil {
		return err
	}
	r.log.Place(&q.record, q.call, q.id)
	return nil
}
