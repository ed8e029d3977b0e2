package processor

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/topics"
	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Headers of a record that was on the wrong partition and has been forwarded to the right one.
const (
	headerAppended = "first-appended-ms"
	headerFrom     = "forwarded-from"
)

// received is a record of parley.calls and what it means. At most one of tick, dead and call is set.
type received struct {
	record *kgo.Record
	// at is when the broker first appended it.
	at time.Time
	// tick is a record that only says what time it is: a tick, or the broker's marker of a transaction.
	tick bool
	// dead says why nothing can be made of the record.
	dead *schemas.Problem
	// home is the partition that the call belongs to.
	home int32
	// call, with account, request id and digest set, and its encoding.
	call *parleyv1.Call
	part store.Part
	// conversation is the key of the call's conversation.
	conversation schemas.ConversationKey
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
	switch t := header(r, schemas.HeaderType); t {
	case schemas.RecordTick:
		in.tick = true
		return in
	case "", schemas.RecordCall:
	default:
		return in.undecodable("unknown record type %.100q", t)
	}
	if at, ok := firstAppended(r); ok {
		in.at = at
	}
	if n := recordBytes(r); n > c.refusableBytes() {
		in.dead = &schemas.Problem{Code: schemas.TooLarge, Detail: fmt.Sprintf("a record has at most %d bytes, this one has %d", c.Limits.CallBytesMax, n)}
		return in
	}
	if p := in.decodeCall(); p != nil {
		in.dead = p
		return in
	}
	if p := c.identify(&in); p != nil {
		in.dead = p
		return in
	}
	in.problem = c.check(&in)
	if p := in.fingerprint(); p != nil {
		in.dead = p
	}
	return in
}

func (in received) undecodable(format string, args ...any) received {
	in.dead = &schemas.Problem{Code: schemas.InvalidBody, Detail: fmt.Sprintf(format, args...)}
	return in
}

func (in *received) decodeCall() (p *schemas.Problem) {
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
	if n := len(call.Objects); n > refusableFactor*c.Limits.ObjectsMax {
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
		in.home = c.homeOf(call.Account, id)
	}
	call.RequestId = id.String()
	in.part.RequestID = id
	in.conversation = schemas.NewConversationKey(call.Account, conversationID, id)
	return nil
}

// homeOf is the partition that a request id names: see schemas.RequestID.
func (c *Config) homeOf(account string, id schemas.RequestID) int32 {
	if p, ok := schemas.PartitionOf(id); ok && p < c.Partitions {
		return p
	}
	return topics.Partition(schemas.RecordKey(account, "", id), c.Partitions)
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
	_, p := c.Routes.ForCall(in.call)
	return p
}

// callOverhead is what the identity adds to a call's own bytes.
const callOverhead = 4 << 10

// refusableFactor says how far beyond its limits a call may be to get a Rejected result. Further, its result could be
// longer than a record can be, and the record goes to parley.dead.
const refusableFactor = 4

func (c *Config) refusableBytes() int { return refusableFactor * c.Limits.CallBytesMax }

// recordBytes is the length of a record's key, value and headers.
func recordBytes(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// firstAppended is when a record that was forwarded was first appended: not after it was appended here.
func firstAppended(r *kgo.Record) (time.Time, bool) {
	ms, err := strconv.ParseInt(header(r, headerAppended), 10, 64)
	at := time.UnixMilli(ms).UTC()
	return at, err == nil && ms > 0 && !at.After(r.Timestamp)
}

// fingerprint fills in what is kept of the call while its conversation is open.
func (in *received) fingerprint() *schemas.Problem {
	if in.problem != nil {
		return nil
	}
	content, err := schemas.Content(in.call)
	if err != nil {
		return &schemas.Problem{Code: schemas.InvalidBody, Detail: err.Error()}
	}
	encoded, err := proto.Marshal(in.call)
	if err != nil {
		return &schemas.Problem{Code: schemas.InvalidBody, Detail: err.Error()}
	}
	in.part.Call, in.part.Content, in.part.AcceptedAt = encoded, content, in.at
	return nil
}

// input is the call as the core sees it. held and refused are what the store knows of it.
func (in *received) input(held uint64, refused bool) conversation.PartReceived {
	sequenceCode, calls := schemas.Place(in.call)
	return conversation.PartReceived{
		At:           in.at,
		Offset:       in.record.Offset,
		Single:       in.conversation.Single(),
		SequenceCode: sequenceCode,
		Calls:        calls,
		Content:      in.part.Content,
		Held:         held,
		Refused:      refused,
		Problem:      in.problem,
	}
}

// buriedBytesMax bounds what is kept of a record on parley.dead; room is left for the headers that say why.
const buriedBytesMax = producerBatchBytes - 64<<10

// buried is the record for parley.dead: as it came, with the reason. Of a record that is longer than the topic takes
// (compressed, it may have been short enough for parley.calls) the reason alone is kept, and where it stands.
func buried(topic string, r *kgo.Record, p *schemas.Problem) *kgo.Record {
	came := r
	if recordBytes(r) > buriedBytesMax {
		came = new(kgo.Record)
	}
	return &kgo.Record{
		Topic: topic,
		Key:   came.Key,
		Value: came.Value,
		Headers: append(copyHeaders(came.Headers),
			kgo.RecordHeader{Key: schemas.HeaderErrorCode, Value: []byte(p.Code)},
			kgo.RecordHeader{Key: schemas.HeaderErrorDetail, Value: []byte(p.Error())},
			kgo.RecordHeader{Key: schemas.HeaderSourceTopic, Value: []byte(r.Topic)},
			kgo.RecordHeader{Key: schemas.HeaderSourcePartition, Value: strconv.AppendInt(nil, int64(r.Partition), 10)},
			kgo.RecordHeader{Key: schemas.HeaderSourceOffset, Value: strconv.AppendInt(nil, r.Offset, 10)}),
	}
}

// forwarded is the record for the partition that it belongs to.
func forwarded(in received) *kgo.Record {
	r := in.record
	return &kgo.Record{
		Topic:     r.Topic,
		Partition: in.home,
		Key:       []byte(schemas.RecordKey(in.call.Account, in.call.GetOptions().GetConversationId(), in.part.RequestID)),
		Value:     r.Value,
		Headers: append(copyHeaders(r.Headers),
			kgo.RecordHeader{Key: headerAppended, Value: strconv.AppendInt(nil, in.at.UnixMilli(), 10)},
			kgo.RecordHeader{Key: headerFrom, Value: strconv.AppendInt(nil, int64(r.Partition), 10)}),
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
