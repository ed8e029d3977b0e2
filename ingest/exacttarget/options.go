package exacttarget

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// scheduleHorizon is how far ahead a ScheduledTime may be (error 226).
const scheduleHorizon = 30 * 24 * time.Hour

// placed are the members of Options that a call has a place for. All others go with it as the properties of its options.
func placed(member string) bool {
	switch member {
	case "RequestType", "ConversationID", "SequenceCode", "CallsInConversation", "QueuePriority", "ScheduledTime", "SendResponseTo":
		return true
	}
	return false
}

// readOptions reads what has a place in a call of Options, which may be nil. They are Synchronous unless they say
// otherwise, and fail a conversation by Error alone.
func readOptions(e *soap.Element, now time.Time) (*parleyv1.Options, *schemas.Problem) {
	var r reader
	o := &parleyv1.Options{
		RequestType:         cmp.Or(e.Child("RequestType").Value(), partnerapi.Synchronous),
		ConversationId:      present(e.Child("ConversationID").Value()),
		SequenceCode:        r.number(e.Child("SequenceCode"), "/options/sequenceCode", schemas.SequenceCodeOutOfRange),
		CallsInConversation: r.number(e.Child("CallsInConversation"), "/options/callsInConversation", schemas.CallsInConversationOutOfRange),
		Priority:            e.Child("QueuePriority").Value(),
		FailOn:              string(schemas.FailOnError),
		ScheduledTimeMs:     r.time(e.Child("ScheduledTime"), "/options/scheduledTime"),
	}
	for t := range e.All("SendResponseTo") {
		if len(t.Children) > 0 {
			o.SendResponseTo = append(o.SendResponseTo, r.target(t, fmt.Sprintf("/options/sendResponseTo/%d", len(o.SendResponseTo))))
		}
	}
	if r.problem == nil {
		r.problem = suits(o, now)
	}
	return o, r.problem
}

// suits refuses what is wrong here and is not in JSON.
func suits(o *parleyv1.Options, now time.Time) *schemas.Problem {
	if o.RequestType != partnerapi.Asynchronous && (o.ConversationId != nil || o.SequenceCode != nil || o.CallsInConversation != nil || o.ScheduledTimeMs != nil) {
		return &schemas.Problem{
			Code:    schemas.SynchronousConversation,
			Pointer: "/options/requestType",
			Detail:  "a call with a ConversationID, SequenceCode, CallsInConversation or ScheduledTime is Asynchronous",
		}
	}
	if at := o.ScheduledTimeMs; at != nil && time.UnixMilli(*at).After(now.Add(scheduleHorizon)) {
		return &schemas.Problem{Code: schemas.ScheduledTooFar, Pointer: "/options/scheduledTime", Detail: "at most 30 days ahead; send the call later"}
	}
	return nil
}

// unplaced is what is left of Options, which may be nil, without the members that have a place in a call, and those that found one.
func unplaced(e *soap.Element, found ...string) soap.Element {
	if e == nil {
		return soap.Element{}
	}
	left := *e
	left.Children = nil
	for _, c := range e.Children {
		if !placed(c.Name.Local) && !slices.Contains(found, c.Name.Local) {
			left.Children = append(left.Children, c)
		}
	}
	return left
}

// reader reads values, and keeps the first problem.
type reader struct{ problem *schemas.Problem }

// wrong notes a problem, unless there is one.
func (r *reader) wrong(code schemas.Code, pointer, format string, args ...any) {
	if r.problem == nil {
		r.problem = &schemas.Problem{Code: code, Pointer: pointer, Detail: fmt.Sprintf(format, args...)}
	}
}

// number reads an xs:int; nil: there is none. tooBig is the code of one that no int32 holds.
func (r *reader) number(e *soap.Element, pointer string, tooBig schemas.Code) *int32 {
	text := e.Value()
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		r.wrong(tooBig, pointer, "wants a whole number below 2147483648, not %.100s", text)
	case err != nil:
		r.wrong(schemas.InvalidBody, pointer, "wants a whole number, not %.100q", text)
	}
	out := int32(n)
	return &out
}

// time reads an xs:dateTime in milliseconds since 1970; nil: there is none. One without a zone is UTC.
func (r *reader) time(e *soap.Element, pointer string) *int64 {
	text := e.Value()
	if text == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", text)
	}
	if err != nil {
		r.wrong(schemas.InvalidBody, pointer, "wants a time, as 2026-12-01T08:00:00Z, not %.100q", text)
	}
	ms := at.UnixMilli()
	return &ms
}

// boolean reads an xs:boolean, which is false where there is none.
func (r *reader) boolean(e *soap.Element, pointer string) bool {
	switch text := e.Value(); text {
	case "true", "1":
		return true
	case "", "false", "0":
	default:
		r.wrong(schemas.InvalidBody, pointer, "wants true or false, not %.100q", text)
	}
	return false
}

// target reads an AsyncResponse.
func (r *reader) target(e *soap.Element, pointer string) *parleyv1.ResponseTarget {
	return &parleyv1.ResponseTarget{
		ResponseType:    e.Child("ResponseType").Value(),
		ResponseAddress: e.Child("ResponseAddress").Value(),
		RespondWhen:     e.Child("RespondWhen").Value(),
		IncludeResults:  r.boolean(e.Child("IncludeResults"), pointer+"/includeResults"),
		IncludeObjects:  r.boolean(e.Child("IncludeObjects"), pointer+"/includeObjects"),
		OnlyIncludeBase: r.boolean(e.Child("OnlyIncludeBase"), pointer+"/onlyIncludeBase"),
	}
}

func present(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
