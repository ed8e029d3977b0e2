package schemas

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	parleyv1 "parley/schemas/parley/v1"
)

var (
	methods       = []string{"Create", "Update", "Delete", "Perform"}
	requestTypes  = []string{"", "Asynchronous", synchronous}
	priorities    = []string{"", "Low", "Medium", "High"}
	failOns       = []string{"", string(FailOnHasErrors), string(FailOnError), string(FailOnNever)}
	responseTypes = []string{"None", ResponseEmail, "FTP", ResponseHTTPPost}
	respondWhens  = []string{
		"", string(RespondNever), string(RespondOnError), string(RespondAlways),
		string(RespondOnConversationError), string(RespondOnConversationComplete), string(RespondOnCallComplete),
	}
)

// accountBytesMax bounds the name of an account.
const accountBytesMax = 64

// ValidAccount reports whether s may name an account: 1 to 64 of A-Z a-z 0-9 . _ -
func ValidAccount(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return s != "" && len(s) <= accountBytesMax
}

// Validate checks everything that a call alone can tell, and returns the first thing that is wrong; nil: nothing.
// now bounds ScheduledTime. What only the conversation's state can tell is decided by the processor.
func (l Limits) Validate(call *parleyv1.Call, now time.Time) *Problem {
	return l.validate(call, now, jsontext.Value.IsValid)
}

// ValidateDecoded is Validate of a call that DecodeCall has read, whose properties it has found to be JSON.
func (l Limits) ValidateDecoded(call *parleyv1.Call, now time.Time) *Problem {
	return l.validate(call, now, func(jsontext.Value, ...jsontext.Options) bool { return true })
}

// validJSON says whether a value is JSON.
type validJSON func(jsontext.Value, ...jsontext.Options) bool

func (l Limits) validate(call *parleyv1.Call, now time.Time, valid validJSON) *Problem {
	if !ValidAccount(call.Account) {
		return problem(InvalidParameter, "/account", "an account is 1 to 64 of A-Z a-z 0-9 . _ -")
	}
	if call.RequestId != "" {
		if id, err := uuid.Parse(call.RequestId); err != nil || id.String() != call.RequestId {
			return problem(InvalidParameter, "/requestId", "a request id is a UUID in lower case, as 018f4c1e-7c1a-7b5e-9d55-0242ac120002")
		}
	}
	if call.Method == "" || !slices.Contains(methods, call.Method) {
		return problem(UnknownMethod, "/method", "a method is Create, Update, Delete or Perform, not %q", short(call.Method))
	}
	if call.Action != "" && call.Method != "Perform" {
		return problem(InvalidParameter, "/action", "an action goes with Perform only")
	}
	if p := l.name(call.Action); p != nil {
		p.Pointer = "/action"
		return p
	}
	if p := l.objects(call.Objects, valid); p != nil {
		return p
	}
	if p := propertiesProblem(call.GetOptions().GetProperties(), valid); p != nil {
		p.Pointer = "/options/properties"
		return p
	}
	return l.options(call.GetOptions(), now)
}

func (l Limits) objects(objects []*parleyv1.Object, valid validJSON) *Problem {
	if len(objects) == 0 {
		return problem(NoObjects, "/objects", "a call acts on at least one object")
	}
	if len(objects) > l.ObjectsMax {
		return problem(TooManyObjects, "/objects", "a call has at most %d objects, this one has %d", l.ObjectsMax, len(objects))
	}
	seen := make(map[string]int) // the place of each correlationId
	for i, o := range objects {
		if p := l.object(o, valid); p != nil {
			p.Pointer = fmt.Sprintf("/objects/%d%s", i, p.Pointer)
			return p
		}
		if o.CorrelationId == "" {
			continue
		}
		if first, ok := seen[o.CorrelationId]; ok {
			return problem(DuplicateCorrelationID, fmt.Sprintf("/objects/%d/correlationId", i), "objects %d and %d have the same correlationId", first, i)
		}
		seen[o.CorrelationId] = i
	}
	return nil
}

// object returns a problem whose pointer begins in the object.
func (l Limits) object(o *parleyv1.Object, valid validJSON) *Problem {
	if o.GetType() == "" {
		return problem(ObjectTypeRequired, "/type", "every object has a type")
	}
	names := [...]struct{ at, value string }{
		{"/type", o.Type},
		{"/customerKey", o.CustomerKey},
		{"/subscriberKey", o.SubscriberKey},
		{"/partnerKey", o.PartnerKey},
		{"/id", o.Id},
		{"/objectId", o.ObjectId},
		{"/correlationId", o.CorrelationId},
	}
	for _, n := range names {
		if p := l.name(n.value); p != nil {
			p.Pointer = n.at
			return p
		}
	}
	if p := propertiesProblem(o.Properties, valid); p != nil {
		p.Pointer = "/properties"
		return p
	}
	return nil
}

// propertiesProblem returns a problem without a pointer, unless properties are absent or an object.
func propertiesProblem(v jsontext.Value, valid validJSON) *Problem {
	if len(v) == 0 || bytes.HasPrefix(bytes.TrimLeft(v, " \t\r\n"), []byte("{")) && valid(v) {
		return nil
	}
	return problem(InvalidBody, "", "properties are a JSON object")
}

// name returns a problem without a pointer.
func (l Limits) name(s string) *Problem {
	if len(s) > l.NameBytesMax {
		return problem(InvalidParameter, "", "at most %d bytes, this has %d", l.NameBytesMax, len(s))
	}
	if !utf8.ValidString(s) {
		return problem(InvalidParameter, "", "not valid UTF-8")
	}
	return nil
}

func (l Limits) options(o *parleyv1.Options, now time.Time) *Problem {
	if o == nil {
		return nil
	}
	if p := oneOf("/options/requestType", o.RequestType, requestTypes); p != nil {
		return p
	}
	if p := oneOf("/options/priority", o.Priority, priorities); p != nil {
		return p
	}
	if p := oneOf("/options/failOn", o.FailOn, failOns); p != nil {
		return p
	}
	if p := l.conversation(o); p != nil {
		return p
	}
	if o.RequestType == synchronous && (o.ConversationId != nil || o.ScheduledTimeMs != nil) {
		return problem(SynchronousConversation, "/options/requestType", "a Synchronous call has neither a conversationId nor a scheduledTime")
	}
	if p := l.times(o, now); p != nil {
		return p
	}
	return l.responseTargets(o)
}

// responseTargets checks whom a call wants to be told.
func (l Limits) responseTargets(o *parleyv1.Options) *Problem {
	if n := len(o.GetSendResponseTo()); n > l.TargetsMax {
		return problem(InvalidParameter, "/options/sendResponseTo", "at most %d targets a call, this one has %d", l.TargetsMax, n)
	}
	for i, r := range o.GetSendResponseTo() {
		if p := l.responseTarget(fmt.Sprintf("/options/sendResponseTo/%d", i), r); p != nil {
			return p
		}
	}
	return nil
}

// Targets are those of a call that may be told: all of one that is valid, and of one that is not, none if they are what is
// wrong with it.
func (l Limits) Targets(call *parleyv1.Call) []*parleyv1.ResponseTarget {
	if l.responseTargets(call.GetOptions()) != nil {
		return nil
	}
	return call.GetOptions().GetSendResponseTo()
}

// times bounds ScheduledTime, and holds it and StartBy together. Either may have passed: a call is then run at once, or
// not at all.
func (l Limits) times(o *parleyv1.Options, now time.Time) *Problem {
	if o.ScheduledTimeMs == nil {
		return nil
	}
	if time.UnixMilli(*o.ScheduledTimeMs).After(now.Add(l.ScheduleHorizon)) {
		return problem(ScheduledTooFar, "/options/scheduledTime", "at most %s ahead; send the call later", daysOf(l.ScheduleHorizon))
	}
	if o.StartByMs != nil && *o.StartByMs <= *o.ScheduledTimeMs {
		return problem(InvalidParameter, "/options/startBy", "a call that must not begin before its scheduledTime can only begin after it; set startBy to a later time")
	}
	return nil
}

// daysOf is a duration as people say it: in days, if it is so many and no more.
func daysOf(d time.Duration) string {
	const day = 24 * time.Hour
	if d > day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// conversation holds SequenceCode and CallsInConversation together: both, or with neither one part.
func (l Limits) conversation(o *parleyv1.Options) *Problem {
	if o.ConversationId == nil {
		if o.SequenceCode != nil || o.CallsInConversation != nil {
			return problem(ConversationIDRequired, "/options/conversationId", "sequenceCode and callsInConversation need a conversationId")
		}
		return nil
	}
	if *o.ConversationId == "" {
		return problem(ConversationIDRequired, "/options/conversationId", "a conversationId is not empty")
	}
	if n := len(*o.ConversationId); n > l.ConversationIDBytesMax {
		return problem(InvalidParameter, "/options/conversationId", "at most %d bytes, this has %d", l.ConversationIDBytesMax, n)
	}
	if !utf8.ValidString(*o.ConversationId) {
		return problem(InvalidParameter, "/options/conversationId", "not valid UTF-8")
	}
	switch {
	case o.SequenceCode == nil && o.CallsInConversation == nil:
		return nil
	case o.SequenceCode == nil:
		return problem(SequenceCodeRequired, "/options/sequenceCode", "callsInConversation needs a sequenceCode")
	case o.CallsInConversation == nil:
		return problem(CallsInConversationRequired, "/options/callsInConversation", "sequenceCode needs callsInConversation")
	}
	if calls := *o.CallsInConversation; calls < 1 || calls > l.PartsMax {
		return problem(CallsInConversationOutOfRange, "/options/callsInConversation", "from 1 to %d, not %d", l.PartsMax, calls)
	}
	if seq := *o.SequenceCode; seq < 1 || seq > *o.CallsInConversation {
		return problem(SequenceCodeOutOfRange, "/options/sequenceCode", "from 1 to callsInConversation (%d), not %d", *o.CallsInConversation, seq)
	}
	return nil
}

func (l Limits) responseTarget(at string, r *parleyv1.ResponseTarget) *Problem {
	if p := oneOf(at+"/responseType", r.ResponseType, responseTypes); p != nil {
		return p
	}
	if p := oneOf(at+"/respondWhen", r.RespondWhen, respondWhens); p != nil {
		return p
	}
	if p := l.name(r.ResponseAddress); p != nil {
		p.Pointer = at + "/responseAddress"
		return p
	}
	switch r.ResponseType {
	case "FTP":
		return problem(ResponseTypeReserved, at+"/responseType", "FTP is reserved for future use")
	case ResponseEmail:
		if !l.Mail {
			return problem(InvalidParameter, at+"/responseType", "nobody is told by mail here: no mail server is named (PARLEY_SMTP_URL); use HTTPPost, or poll")
		}
		if err := CheckMailbox(r.ResponseAddress); err != nil {
			return problem(InvalidResponseAddress, at+"/responseAddress", "%v", err)
		}
	case ResponseHTTPPost:
		u, err := url.Parse(r.ResponseAddress)
		if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return problem(InvalidResponseAddress, at+"/responseAddress", "an absolute http or https URL")
		}
	}
	return nil
}

func oneOf(at, s string, words []string) *Problem {
	if slices.Contains(words, s) {
		return nil
	}
	if words[0] == "" {
		words = words[1:]
	}
	return problem(InvalidParameter, at, "one of %q, not %q", words, short(s))
}
