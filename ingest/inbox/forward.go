package inbox

import (
	"crypto/sha256"
	"fmt"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/ingest/publish"
	"parley/internal/relay"
	"parley/internal/topics"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// forward makes of a record what is to be written. Of its headers only the trace goes with it: others mean something to
// the processor that is not for tenants to say.
func (c *Config) forward(r relay.Record) relay.Made {
	made, became, dead := c.made(r)
	if dead != nil {
		return relay.Made{Dead: dead}
	}
	made = topics.WithTrace(made, topics.TraceOf(r.Record))
	if p := c.Limits.RefusableBytes(topics.RecordBytes(made)); p != nil {
		return relay.Made{Dead: p}
	}
	return relay.Made{Record: made, Became: became}
}

func (c *Config) made(r relay.Record) (made *kgo.Record, became string, dead *schemas.Problem) {
	account, ok := c.Topics.InboxOf(r.Topic)
	if !ok {
		return nil, "", &schemas.Problem{Code: schemas.InvalidParameter, Detail: "the topic names no account"}
	}
	if p := c.Limits.RefusableBytes(topics.RecordBytes(r.Record)); p != nil {
		return nil, "", p
	}
	switch kind := header(r.Record, schemas.HeaderType); kind {
	case "", schemas.RecordCall:
		return c.call(account, r)
	case schemas.RecordAnswer:
		made, dead = c.answer(account, r.Value)
	case schemas.RecordCancel:
		made, dead = c.cancel(account, r.Value)
	default:
		dead = &schemas.Problem{Code: schemas.InvalidBody, Detail: fmt.Sprintf("a record here is a call, an answer or a cancel, not a %.100q", kind)}
	}
	return made, becameForwarded, dead
}

// call makes the record of a call. One that is refused is passed on with the reason.
func (c *Config) call(account string, r relay.Record) (made *kgo.Record, became string, dead *schemas.Problem) {
	call, p := schemas.DecodeRecord(header(r.Record, schemas.HeaderContentType), r.Value)
	if p != nil {
		return nil, "", p
	}
	said, given := call.Account, call.RequestId
	call.Account = account
	if p := c.Limits.Refusable(call); p != nil {
		return nil, "", p
	}
	digest := sha256.Sum256(r.Value)
	call.Digest = digest[:]
	id := c.identify(r, call)
	call.RequestId = id.String()
	refused := c.check(call, said, given, len(r.Value))
	log := publish.Log{Topic: c.Topics.Calls, Partitions: c.Partitions}
	made, err := log.Record(call, id)
	if err != nil {
		return nil, "", &schemas.Problem{Code: schemas.InvalidBody, Detail: err.Error()}
	}
	if refused == nil {
		return made, becameForwarded, nil
	}
	made.Headers = append(made.Headers,
		kgo.RecordHeader{Key: schemas.HeaderRefusedCode, Value: []byte(refused.Code)},
		kgo.RecordHeader{Key: schemas.HeaderRefusedDetail, Value: []byte(refused.Message())})
	return made, becameRejected, nil
}

// identify returns the request id of a call, which is the same whenever its record is read. What the tenant calls it is
// taken for an Idempotency-Key: request ids name calls of all accounts, and are not for one of them to choose.
func (c *Config) identify(r relay.Record, call *parleyv1.Call) schemas.RequestID {
	switch {
	case call.GetOptions().GetConversationId() != "":
		return topics.PartRequestID(call, c.Partitions)
	case call.RequestId != "":
		given := uuid.MustParse(call.RequestId)
		return schemas.KeyedRequestID(call.Account, given.String(), 0)
	}
	return schemas.InboxRequestID(call.Account, r.TopicID, r.Partition, r.Offset)
}

// check is everything that the call alone can tell, as POST /v1/calls checks it. said and given are the account and the
// request id in the record.
func (c *Config) check(call *parleyv1.Call, said, given string, valueBytes int) *schemas.Problem {
	if valueBytes > c.Limits.CallBytesMax {
		return &schemas.Problem{Code: schemas.TooLarge, Detail: fmt.Sprintf("a call has at most %d bytes, this one has %d; send its objects in several calls", c.Limits.CallBytesMax, valueBytes)}
	}
	if p := schemas.SameAccount(call.Account, said); p != nil {
		return p
	}
	if given != "" && call.GetOptions().GetConversationId() != "" {
		return &schemas.Problem{Code: schemas.InvalidParameter, Pointer: "/requestId", Detail: "the id of a call of a conversation is made of its content; leave it out"}
	}
	if schemas.IsSynchronous(call) {
		return &schemas.Problem{Code: schemas.InvalidParameter, Pointer: "/options/requestType", Detail: "nobody can wait for an answer here; leave it out"}
	}
	if p := c.Limits.Validate(call, c.Now()); p != nil {
		return p
	}
	_, p := c.Routes.ForCall(call)
	return p
}

// header returns the value of a record's first header of that name, empty if it has none.
func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
