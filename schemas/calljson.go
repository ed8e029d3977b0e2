package schemas

import (
	"errors"
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
// It checks the form only: see Validate for the meaning. The call keeps parts of b.
func DecodeCall(b []byte) (*parleyv1.Call, *Problem) {
	var in callJSON
	if err := json.Unmarshal(b, &in, decodeOptions); err != nil {
		return nil, decodeProblem(err)
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
		return problem(InvalidBody, string(e.JSONPointer), "%s", semanticDetail(e))
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return problem(InvalidBody, string(e.JSONPointer), "not valid JSON at byte %d: %v", e.ByteOffset, e.Err)
	}
	return problem(InvalidBody, "", "not valid JSON: %v", err)
}

func semanticDetail(e *json.SemanticError) string {
	switch {
	case errors.Is(e.Err, json.ErrUnknownName):
		return "there is no such member; see /docs for those there are"
	case e.JSONKind != 0 && e.GoType != nil:
		return "a JSON " + e.JSONKind.String() + " cannot stand here"
	case e.Err != nil:
		return e.Err.Error()
	}
	return e.Error()
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
