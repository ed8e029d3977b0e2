package schemas

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	parleyv1 "parley/schemas/parley/v1"
)

// callJSON is a call in the JSON form of POST /v1/calls. Account and RequestID are only given by producers that
// write to Kafka themselves.
type callJSON struct {
	Account   string       `json:"account"`
	RequestID string       `json:"requestId"`
	Method    string       `json:"method"`
	Action    string       `json:"action"`
	Objects   []objectJSON `json:"objects"`
	Options   optionsJSON  `json:"options"`
}

type objectJSON struct {
	Type          string         `json:"type"`
	CustomerKey   string         `json:"customerKey"`
	SubscriberKey string         `json:"subscriberKey"`
	PartnerKey    string         `json:"partnerKey"`
	ID            string         `json:"id"`
	ObjectID      string         `json:"objectId"`
	CorrelationID string         `json:"correlationId"`
	Properties    jsontext.Value `json:"properties"`
}

type optionsJSON struct {
	RequestType         string         `json:"requestType"`
	ConversationID      *string        `json:"conversationId"`
	SequenceCode        *int32         `json:"sequenceCode"`
	CallsInConversation *int32         `json:"callsInConversation"`
	Priority            string         `json:"priority"`
	FailOn              string         `json:"failOn"`
	ScheduledTime       *time.Time     `json:"scheduledTime"`
	StartBy             *time.Time     `json:"startBy"`
	SendResponseTo      []responseJSON `json:"sendResponseTo"`
	Properties          jsontext.Value `json:"properties"`
}

type responseJSON struct {
	ResponseType    string `json:"responseType"`
	ResponseAddress string `json:"responseAddress"`
	RespondWhen     string `json:"respondWhen"`
	IncludeResults  bool   `json:"includeResults"`
	IncludeObjects  bool   `json:"includeObjects"`
	OnlyIncludeBase bool   `json:"onlyIncludeBase"`
}

// decodeOptions refuse what a client cannot have meant: a misspelt conversationId must not become a call on its own.
var decodeOptions = json.RejectUnknownMembers(true)

// DecodeCall reads one call in its JSON form. Names are case sensitive; unknown and repeated members are refused.
// It checks the form only: see Validate for the meaning. The call keeps nothing of b.
func DecodeCall(b []byte) (*parleyv1.Call, *Problem) {
	var in callJSON
	if err := json.Unmarshal(b, &in, decodeOptions); err != nil {
		return nil, decodeProblem(err)
	}
	if jsontext.Value(b).Kind() == 'n' {
		return nil, problem(InvalidBody, "", "a call is an object, not null")
	}
	call := &parleyv1.Call{
		Account:   in.Account,
		RequestId: in.RequestID,
		Method:    in.Method,
		Action:    in.Action,
		Objects:   make([]*parleyv1.Object, len(in.Objects)),
		Options:   in.Options.proto(),
	}
	for i := range in.Objects {
		call.Objects[i] = in.Objects[i].proto()
	}
	return call, nil
}

func (o *objectJSON) proto() *parleyv1.Object {
	return &parleyv1.Object{
		Type:          o.Type,
		CustomerKey:   o.CustomerKey,
		SubscriberKey: o.SubscriberKey,
		PartnerKey:    o.PartnerKey,
		Id:            o.ID,
		ObjectId:      o.ObjectID,
		CorrelationId: o.CorrelationID,
		Properties:    presentJSON(o.Properties),
	}
}

// presentJSON treats a null as absent.
func presentJSON(v jsontext.Value) []byte {
	if v.Kind() == 'n' {
		return nil
	}
	return v
}

func (o *optionsJSON) proto() *parleyv1.Options {
	out := &parleyv1.Options{
		RequestType:         o.RequestType,
		ConversationId:      o.ConversationID,
		SequenceCode:        o.SequenceCode,
		CallsInConversation: o.CallsInConversation,
		Priority:            o.Priority,
		FailOn:              o.FailOn,
		ScheduledTimeMs:     unixMilli(o.ScheduledTime),
		StartByMs:           unixMilli(o.StartBy),
		Properties:          presentJSON(o.Properties),
	}
	for _, r := range o.SendResponseTo {
		out.SendResponseTo = append(out.SendResponseTo, &parleyv1.ResponseTarget{
			ResponseType:    r.ResponseType,
			ResponseAddress: r.ResponseAddress,
			RespondWhen:     r.RespondWhen,
			IncludeResults:  r.IncludeResults,
			IncludeObjects:  r.IncludeObjects,
			OnlyIncludeBase: r.OnlyIncludeBase,
		})
	}
	return out
}

func unixMilli(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// decodeProblem names the field that could not be read.
func decodeProblem(err error) *Problem {
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		return problem(semanticCode(e), nearPointer(e.JSONPointer), "%s", semanticDetail(e))
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return problem(InvalidBody, nearPointer(e.JSONPointer), "not valid JSON at byte %d: %s", e.ByteOffset, short(e.Err.Error()))
	}
	return problem(InvalidBody, "", "not valid JSON: %s", short(err.Error()))
}

// semanticCode tells a number that is merely too big from a value of another kind.
func semanticCode(e *json.SemanticError) Code {
	if !errors.Is(e.Err, strconv.ErrRange) {
		return InvalidBody
	}
	switch e.JSONPointer {
	case "/options/sequenceCode":
		return SequenceCodeOutOfRange
	case "/options/callsInConversation":
		return CallsInConversationOutOfRange
	}
	return InvalidBody
}

func semanticDetail(e *json.SemanticError) string {
	switch {
	case errors.Is(e.Err, json.ErrUnknownName):
		return "there is no such member; names are case sensitive, see /docs for those there are"
	case e.GoType == reflect.TypeFor[time.Time]() && e.JSONKind == '"':
		return "wants " + wanted(e.GoType)
	case e.GoType != nil:
		return "wants " + wanted(e.GoType) + ", not " + given(e)
	}
	return short(e.Error())
}

// wanted says in the words of JSON what a Go type of callJSON is read from.
func wanted(t reflect.Type) string {
	if t == reflect.TypeFor[time.Time]() {
		return "a time, as 2026-12-01T08:00:00Z"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int32:
		return "a whole number below 2147483648"
	case reflect.Slice:
		return "an array"
	}
	return "an object"
}

// given says what stood there instead.
func given(e *json.SemanticError) string {
	if len(e.JSONValue) > 0 {
		return short(string(e.JSONValue))
	}
	switch e.JSONKind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "a " + e.JSONKind.String()
}

// pointerBytesMax bounds a pointer in a problem: the answer to a hostile body is not to be as big as the body.
const pointerBytesMax = 500

// nearPointer is p, or the nearest value around it whose pointer is short enough.
func nearPointer(p jsontext.Pointer) string {
	if len(p) <= pointerBytesMax {
		return string(p)
	}
	return string(p[:max(0, strings.LastIndexByte(string(p[:pointerBytesMax+1]), '/'))])
}

// shortBytesMax bounds what a problem quotes of what was received.
const shortBytesMax = 100

// short is s, or its beginning.
func short(s string) string {
	if len(s) <= shortBytesMax {
		return s
	}
	return strings.ToValidUTF8(s[:shortBytesMax], "") + "…"
}

// AppendObjects appends the objects of a call as the JSON array that was received: members in a fixed order,
// properties byte for byte.
func AppendObjects(b []byte, objects []*parleyv1.Object) ([]byte, error) {
	b = append(b, '[')
	for i, o := range objects {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendObject(b, o); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendObject(b []byte, o *parleyv1.Object) (_ []byte, err error) {
	b = append(b, `{"type":`...)
	if b, err = jsontext.AppendQuote(b, o.Type); err != nil {
		return nil, err
	}
	members := [...]struct{ name, value string }{
		{`,"customerKey":`, o.CustomerKey},
		{`,"subscriberKey":`, o.SubscriberKey},
		{`,"partnerKey":`, o.PartnerKey},
		{`,"id":`, o.Id},
		{`,"objectId":`, o.ObjectId},
		{`,"correlationId":`, o.CorrelationId},
	}
	for _, m := range members {
		if m.value == "" {
			continue
		}
		b = append(b, m.name...)
		if b, err = jsontext.AppendQuote(b, m.value); err != nil {
			return nil, err
		}
	}
	if len(o.Properties) > 0 {
		b = append(b, `,"properties":`...)
		b = append(b, o.Properties...)
	}
	return append(b, '}'), nil
}
