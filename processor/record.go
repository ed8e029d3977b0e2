package processor

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/telemetry"
	"parley/internal/token"
	"parley/internal/topics"
	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// received is a record of parley.calls and what it means. Of tick, dead, call, answer, cancel, resubmit and erase one is
// set.
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
	// conversation is the key of the conversation that the record speaks of, unless it is an answer or an erasure.
	conversation schemas.ConversationKey
	// answer is a late answer to the call that token names.
	answer *schemas.Answer
	token  token.Token
	// cancel and resubmit ask something of the conversation.
	cancel   *schemas.Cancel
	resubmit *schemas.Resubmit
	// erase asks something of the whole partition.
	erase *schemas.Erase
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
	case schemas.RecordErase:
		in.erase, in.dead = schemas.DecodeErase(r.Value)
	case "", schemas.RecordCall:
		in.dead = c.decodeCall(&in)
	default:
		in.dead = &schemas.Problem{Code: schemas.InvalidBody, Detail: fmt.Sprintf("unknown record type %.100q", t)}
	}
	return in
}

func (c *Config) decodeCall(in *received) *schemas.Problem {
	p := c.Limits.RefusableBytes(topics.RecordBytes(in.record))
	if p != nil {
		return p
	}
	if in.call, p = schemas.DecodeRecord(header(in.record, schemas.HeaderContentType), in.record.Value); p != nil {
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
	if in.cancel, p = c.Limits.DecodeCancel("", in.record.Value); p != nil {
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
	if p := c.Limits.Refusable(call); p != nil {
		return p
	}
	if len(call.Digest) != sha256.Size {
		sum := sha256.Sum256(in.record.Value)
		call.Digest = sum[:]
	}
	conversationID := call.GetOptions().GetConversationId()
	var id schemas.RequestID
	switch {
	case call.RequestId != "":
		id = uuid.MustParse(call.RequestId)
	case conversationID != "":
		id = topics.PartRequestID(call, c.Partitions)
	default:
		id = schemas.LogRequestID(call.Account, in.record.Partition, in.record.Offset)
	}
	in.home = topics.OfCall(call, id, c.Partitions)
	call.RequestId = id.String()
	in.part.RequestID = id
	in.conversation = schemas.NewConversationKey(call.Account, conversationID, id)
	in.key = schemas.RecordKey(call.Account, conversationID, id)
	return nil
}

// check is everything that the call alone can tell, and whoever passed it on.
func (c *Config) check(in *received) *schemas.Problem {
	if code := header(in.record, schemas.HeaderRefusedCode); code != "" {
		return &schemas.Problem{Code: schemas.Code(code), Detail: header(in.record, schemas.HeaderRefusedDetail)}
	}
	if n := len(in.record.Value); n > c.Limits.CallBytesMax+callOverhead {
		return &schemas.Problem{Code: schemas.TooLarge, Detail: fmt.Sprintf("a call has at most %d bytes, this record has %d", c.Limits.CallBytesMax, n)}
	}
	if p := c.Limits.Validate(in.call, in.at); p != nil {
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
		Tells:        tellsOfConversations(in.call),
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
