package schemas

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"
)

// Resource is the status of a call or of a conversation.
type Resource interface {
	// Final reports whether the status is one that does not change any more.
	Final() bool
	// ETag names the status among all that the thing ever has.
	ETag() string
	// AppendJSON appends the status as JSON, as the tags of its fields say; an absent list is []. It fails when a text is
	// not UTF-8.
	AppendJSON([]byte) ([]byte, error)
}

// EndsWait reports whether a wait ends with a status: it is final, or another than the one with the ETag seen. Empty:
// none was seen.
func EndsWait(r Resource, seen string) bool {
	return r.Final() || seen != "" && r.ETag() != seen
}

// Final reports whether the call has ended.
func (r CallResource) Final() bool { return r.Status.Final() }

// Final reports whether the conversation has ended.
func (r ConversationResource) Final() bool { return r.Status.Final() }

// ETag names this status among all statuses of the call (RFC 9110 section 8.8.3). It is weak: the place in the queue, which
// moves with every other call, is left out of it.
func (r CallResource) ETag() string {
	t := make(tagged, 0, taggedRoom)
	t.call(&r)
	return t.tag()
}

// ETag names this status among all statuses of the conversation and its page of calls, as that of a call does. A call
// that has ended stays what it is, so its sequence code stands for it: whoever answers may not have more of it (InRecord).
func (r ConversationResource) ETag() string {
	t := make(tagged, 0, taggedRoom)
	t.texts(r.ConversationID, r.RequestID, r.Account, string(r.Status), string(r.ErrorCode), r.Message)
	t.numbers(int64(r.CallsInConversation), int64(r.Received), int64(r.Total), int64(r.Processed), int64(r.Errors), int64(r.Next))
	t.codes(r.Missing)
	t.times(r.PartsExpireAt, r.AcceptedAt, r.StartedAt, r.CompletedAt)
	for _, other := range []*string{r.Continues, r.ContinuedBy} {
		if t.there(other != nil) {
			t.texts(*other)
		}
	}
	if t.there(r.Kept != nil) {
		t.numbers(int64(r.Kept.From), int64(r.Kept.Failed))
		t.times(&r.Kept.Until)
	}
	t.deliveries(r.Deliveries)
	ended := slices.Clone(r.InRecord)
	for i := range r.Calls {
		if c := &r.Calls[i]; c.Final() {
			ended = append(ended, c.SequenceCode)
		} else {
			t.call(c)
		}
	}
	slices.Sort(ended)
	t.codes(ended)
	return t.tag()
}

// tagged is what a tag is made of: the fields of a status, each so that it cannot be taken for two. (To hash the status as
// JSON took longer than to look it up.)
type tagged []byte

// taggedRoom is enough for most.
const taggedRoom = 512

func (t *tagged) call(r *CallResource) {
	t.texts(r.RequestID, r.Account, r.ConversationID, r.Method, string(r.Status), string(r.ErrorCode), r.Message, r.Sequence)
	t.numbers(int64(r.SequenceCode), int64(r.CallsInConversation), int64(r.Total), int64(r.Processed), int64(r.Errors), int64(r.Attempts))
	t.times(r.AcceptedAt, r.StartedAt, r.CompletedAt, r.PartsExpireAt)
	t.codes(r.Missing)
	t.there(r.Conflicting)
	t.deliveries(r.Deliveries)
	t.numbers(int64(len(r.Results)))
	for i := range r.Results {
		o := &r.Results[i]
		t.numbers(int64(o.Ordinal))
		t.texts(o.CorrelationID, o.ObjectType, o.CustomerKey, string(o.Status), string(o.ErrorCode), o.Message)
		t.there(o.Object != nil)
	}
}

func (t *tagged) texts(texts ...string) {
	for _, s := range texts {
		*t = append(binary.AppendUvarint(*t, uint64(len(s))), s...)
	}
}

func (t *tagged) numbers(numbers ...int64) {
	for _, n := range numbers {
		*t = binary.AppendVarint(*t, n)
	}
}

func (t *tagged) codes(codes []int32) {
	t.numbers(int64(len(codes)))
	for _, k := range codes {
		t.numbers(int64(k))
	}
}

func (t *tagged) times(times ...*time.Time) {
	for _, at := range times {
		if t.there(at != nil) {
			t.numbers(at.Unix(), int64(at.Nanosecond()))
		}
	}
}

// there takes down whether something is there, and returns it.
func (t *tagged) there(is bool) bool { //nolint:revive // it is what is taken down
	if is {
		t.numbers(1)
	} else {
		t.numbers(0)
	}
	return is
}

// tagBytes of a digest are enough that no two statuses of one thing are taken for one another.
const tagBytes = 12

func (t *tagged) tag() string {
	sum := sha256.Sum256(*t)
	b := base64.RawURLEncoding.AppendEncode(append((*t)[:0], `W/"`...), sum[:tagBytes])
	return string(append(b, '"'))
}
