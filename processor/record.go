package processor

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/telemetry"
	"parley/internal/token"
	"parley/internal/topics"
	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// received is a record of parley.calls and what it means. Of tick, dead, call, answer, cancel and resubmit one is set.
type received struct {
	record *kgo.Record
	// at is when the broker first appended it.
	at time.Time
	// tick is a record that only says what time it is: a tick, or the broker's marker of a transaction.
	tick bool
	// dead says why nothing can be made of the record.
	dead *schemas.Problem
	// home is the partition that the record belongs to, key its key there.
	home int32
	key  string
	// call, with account, request id and digest set, and its encoding.
	call *parleyv1.Call
	part store.Part
	// route is the one that takes the call; empty: none does.
	route string
	// conversation is the key of the conversation that the record speaks of, unless it is an answer.
	conversation schemas.ConversationKey
	// answer is a late answer to the call that token names.
	answer *schemas.Answer
	token  token.Token
	// cancel and resubmit ask something of the conversation.
	cancel   *schemas.Cancel
	resubmit *schemas.Resubmit
	// problem is what is wrong with the call; nil: nothing.
	problem *schemas.Problem
}

// decode says what a record means. It depends on nothing but the record and the configuration, and may be called
// from any goroutine.
func (c *Config) decode(r *kgo.Record) received {
	in := received{record: r, at: r.Timestamp, home: r.Partition, tick: r.Attrs.IsControl()}
	if in.tick {
		return in
	}
	if at, ok := firstAppended(r); ok {
		in.at = at
	}
	switch t := header(r, schemas.HeaderType); t {
	case schemas.RecordTick:
		in.tick = true
	case schemas.RecordAnswer:
		in.dead = c.decodeAnswer(&in)
	case schemas.RecordCancel:
		in.dead = c.decodeCancel(&in)
	case schemas.RecordResubmit:
		in.dead = c.decodeResubmit(&in)
	case "", schemas.RecordCall:
		in.dead = c.decodeCall(&in)
	default:
		in.dead = &schemas.Problem{Code: schemas.InvalidBody, Detail: fmt.Sprintf("unknown record type %.100q", t)}
	}
	return in
}

func (c *Config) decodeCall(in *received) *schemas.Problem {
	if n := topics.RecordBytes(in.record); n > c.refusableBytes() {
		return &schemas.Problem{Code: schemas.TooLarge, Detail: fmt.Sprintf("a record has at most %d bytes, this one has %d", c.Limits.CallBytesMax, n)}
	}
	if p := in.parse(); p != nil {
		return p
	}
	in.followTrace()
	if p := c.identify(in); p != nil {
		return p
	}
	in.problem = c.check(in)
	return in.fingerprint()
}

func (c *Config) decodeAnswer(in *received) *schemas.Problem {
	a, p := schemas.DecodeAnswer(in.record.Value)
	if p != nil {
		return p
	}
	t, p := c.Tokens.Check(a.Token, in.at, c.Partitions)
	if p != nil {
		return p
	}
	in.answer, in.token, in.home, in.key = a, t, t.Partition, string(in.record.Key)
	return nil
}

func (c *Config) decodeCancel(in *received) (p *schemas.Problem) {
	if in.cancel, p = c.Limits.DecodeCancel(in.record.Value); p != nil {
		return p
	}
	c.address(in, in.cancel.Account, in.cancel.ConversationID, in.cancel.RequestID)
	return nil
}

func (c *Config) decodeResubmit(in *received) (p *schemas.Problem) {
	if in.resubmit, p = c.Limits.DecodeResubmit(in.record.Value); p != nil {
		return p
	}
	c.address(in, in.resubmit.Account, in.resubmit.ConversationID, in.resubmit.RequestID)
	return nil
}

// address finds the conversation that a command names, by a valid name, and its home.
func (c *Config) address(in *received, account, conversationID, requestID string) {
	id, _ := uuid.Parse(requestID) // empty or valid
	in.conversation = schemas.NewConversationKey(account, conversationID, id)
	in.key = schemas.RecordKey(account, conversationID, id)
	if conversationID == "" {
		in.home = topics.OfRequest(account, id, c.Partitions)
		return
	}
	in.home = topics.Partition(in.key, c.Partitions)
}

func (in *received) parse() (p *schemas.Problem) {
	switch t := header(in.record, schemas.HeaderContentType); t {
	case "", schemas.ContentJSON:
		in.call, p = schemas.DecodeCall(in.record.Value)
		return p
	case schemas.ContentProtobuf:
		in.call = new(parleyv1.Call)
		if err := proto.Unmarshal(in.record.Value, in.call); err != nil {
			return &schemas.Problem{Code: schemas.InvalidBody, Detail: "not a parley.v1.Call: " + err.Error()}
		}
		return nil
	default:
		return &schemas.Problem{Code: schemas.InvalidBody, Detail: fmt.Sprintf("content-type %.100q is neither %s nor %s", t, schemas.ContentJSON, schemas.ContentProtobuf)}
	}
}

// followTrace puts the call in the trace that the headers of its record name; else the one that it names itself stands.
func (in *received) followTrace() {
	t := topics.TraceOf(in.record)
	if t == (telemetry.Trace{}) {
		t = telemetry.ReadTrace(in.call.Traceparent, in.call.Tracestate)
	}
	in.call.Traceparent, in.call.Tracestate = t.Traceparent, t.Tracestate
}

// identify gives the call its request id, its conversation and its home partition.
func (c *Config) identify(in *received) *schemas.Problem {
	call := in.call
	if !schemas.ValidAccount(call.Account) {
		return &schemas.Problem{Code: schemas.InvalidParameter, Pointer: "/account", Detail: "the record does not say whose call it is"}
	}
	if len(call.Digest) != sha256.Size {
		sum := sha256.Sum256(in.record.Value)
		call.Digest = sum[:]
	}
	if n := len(call.Objects); n > c.refusableObjects() {
		return &schemas.Problem{Code: schemas.TooManyObjects, Pointer: "/objects", Detail: fmt.Sprintf("a call has at most %d objects, this one has %d", c.Limits.ObjectsMax, n)}
	}
	conversationID := call.GetOptions().GetConversationId()
	if n := len(conversationID); n > c.Limits.ConversationIDBytesMax { // it would be part of keys
		return &schemas.Problem{Code: schemas.InvalidParameter, Pointer: "/options/conversationId", Detail: fmt.Sprintf("at most %d bytes, this has %d", c.Limits.ConversationIDBytesMax, n)}
	}
	if conversationID != "" {
		in.home = topics.Partition(schemas.RecordKey(call.Account, conversationID, schemas.RequestID{}), c.Partitions)
	}
	var id schemas.RequestID
	switch {
	case call.RequestId != "":
		var err error
		if id, err = uuid.Parse(call.RequestId); err != nil {
			return &schemas.Problem{Code: schemas.InvalidParameter, Pointer: "/requestId", Detail: "not a UUID"}
		}
	case conversationID != "":
		id = schemas.PartRequestID(call.Account, conversationID, call.GetOptions().GetSequenceCode(), call.Digest, in.home)
	default:
		id = schemas.LogRequestID(call.Account, in.record.Partition, in.record.Offset)
	}
	if conversationID == "" {
		in.home = topics.OfRequest(call.Account, id, c.Partitions)
	}
	call.RequestId = id.String()
	in.part.RequestID = id
	in.conversation = schemas.NewConversationKey(call.Account, conversationID, id)
	in.key = schemas.RecordKey(call.Account, conversationID, id)
	return nil
}

// check is everything that the call alone can tell.
func (c *Config) check(in *received) *schemas.Problem {
	if n := len(in.record.Value); n > c.Limits.CallBytesMax+callOverhead {
		return &schemas.Problem{Code: schemas.TooLarge, Detail: fmt.Sprintf("a call has at most %d bytes, this record has %d", c.Limits.CallBytesMax, n)}
	}
	if p := c.Limits.Validate(in.call, in.at); p != nil {
		return p
	}
	if p := schemas.Unsupported(in.call); p != nil {
		return p
	}
	r, p := c.Routes.ForCall(in.call)
	if p != nil {
		return p
	}
	in.route = r.Name
	return nil
}

// callOverhead is what the identity adds to a call's own bytes.
const callOverhead = 4 << 10

// refusableFactor says how far beyond its limits a call may be to get a Rejected result. Further, its result could be
// longer than a record can be, and the record goes to parley.dead. refusableObjectsMax bounds that for great limits: a
// problem takes less than 700 bytes for each object.
const (
	refusableFactor     = 4
	refusableObjectsMax = 10_000
)

func (c *Config) refusableBytes() int {
	return min(refusableFactor*c.Limits.CallBytesMax, schemas.CallBytesCeiling+callOverhead)
}

func (c *Config) refusableObjects() int {
	return min(refusableFactor*c.Limits.ObjectsMax, refusableObjectsMax)
}

// firstAppended is when a record that was forwarded was first appended: not after it was appended here.
func firstAppended(r *kgo.Record) (time.Time, bool) {
	ms, err := strconv.ParseInt(header(r, schemas.HeaderFirstAppended), 10, 64)
	at := time.UnixMilli(ms).UTC()
	return at, err == nil && ms > 0 && !at.After(r.Timestamp)
}

// fingerprint fills in what is kept of the call while its conversation is open. A call with a problem is not kept, but
// it may be the resend of one that was in order when it came first.
func (in *received) fingerprint() *schemas.Problem {
	content, err := schemas.Content(in.call)
	if err == nil {
		in.part.Content = content
	}
	if in.problem != nil {
		return nil
	}
	if err != nil {
		return &schemas.Problem{Code: schemas.InvalidBody, Detail: err.Error()}
	}
	in.part.Message, in.part.AcceptedAt = in.call, in.at
	return nil
}

// input is the call as the core sees it, without what the store knows of it.
func (in *received) input() conversation.PartReceived {
	sequenceCode, calls := schemas.Place(in.call)
	return conversation.PartReceived{
		At:           in.at,
		Offset:       in.record.Offset,
		Single:       in.conversation.Single(),
		SequenceCode: sequenceCode,
		Calls:        calls,
		Content:      in.part.Content,
		Problem:      in.problem,
		Priority:     schemas.PriorityOf(in.call),
		StartBy:      schemas.StartByOf(in.call),
		Scheduled:    in.call.GetOptions().GetScheduledTimeMs() != 0,
		Continues:    header(in.record, schemas.HeaderContinues),
	}
}

// forwarded is the record for the partition that it belongs to.
func forwarded(in received) *kgo.Record {
	r := in.record
	return &kgo.Record{
		Topic:     r.Topic,
		Partition: in.home,
		Key:       []byte(in.key),
		Value:     r.Value,
		Headers: append(copyHeaders(r.Headers),
			kgo.RecordHeader{Key: schemas.HeaderFirstAppended, Value: strconv.AppendInt(nil, in.at.UnixMilli(), 10)},
			kgo.RecordHeader{Key: schemas.HeaderForwardedFrom, Value: strconv.AppendInt(nil, int64(r.Partition), 10)}),
	}
}

func copyHeaders(hs []kgo.RecordHeader) []kgo.RecordHeader {
	return append(make([]kgo.RecordHeader, 0, len(hs)+5), hs...)
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
