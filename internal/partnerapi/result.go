package partnerapi

import (
	"cmp"
	"strconv"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// The values of StatusCode and OverallStatus.
const (
	StatusOK        = "OK"
	StatusError     = "Error"
	StatusHasErrors = "Has Errors"
)

// The values of RequestType.
const (
	Synchronous  = "Synchronous"
	Asynchronous = "Asynchronous"
)

// Result is what is said of one object of a call.
type Result struct {
	// StatusCode is StatusOK or StatusError.
	StatusCode, StatusMessage string
	// Ordinal is the place of the object in its call, from 0.
	Ordinal int
	// ErrorCode is a number as Error has it. Zero: there is none.
	ErrorCode int
	// What is empty of these is left out.
	RequestID, ConversationID, OverallStatusCode, RequestType, ResultType string
	// ObjectType is the type of the object, by which some have results of a type of their own.
	ObjectType string
	// Object is what was asked for, or as much of it as shall be told; nil: nothing of it.
	Object *parleyv1.Object
	Extent Extent
}

// AppendResult appends a result as an element of the type named, or of the one that extends it for the type of the object.
func AppendResult(b []byte, element, typeName string, r *Result) []byte {
	special := specialOf(r.ObjectType, typeName)
	b = append(append(b, '<'), element...)
	if special != "" {
		b = appendType(b, special)
	}
	b = append(b, '>')
	b = AppendElement(b, "StatusCode", r.StatusCode)
	b = AppendElement(b, "StatusMessage", r.StatusMessage)
	b = AppendElement(b, "OrdinalID", strconv.Itoa(r.Ordinal))
	if r.ErrorCode != 0 {
		b = AppendElement(b, "ErrorCode", strconv.Itoa(r.ErrorCode))
	}
	b = appendOptional(b, "RequestID", r.RequestID)
	b = appendOptional(b, "ConversationID", r.ConversationID)
	b = appendOptional(b, "OverallStatusCode", r.OverallStatusCode)
	b = appendOptional(b, "RequestType", r.RequestType)
	b = appendOptional(b, "ResultType", r.ResultType)
	if typeName == createResult {
		b = append(b, `<NewID>0</NewID>`...)
		if r.Object != nil {
			b = appendOptional(b, PartnerKey, r.Object.PartnerKey)
		}
	}
	if r.Object != nil {
		b = AppendObject(b, r.Object, "Object", r.Extent)
	}
	if r.StatusCode != StatusOK && dataExtension(special) {
		b = AppendElement(b, "ErrorMessage", r.StatusMessage)
	}
	return append(append(append(b, '<', '/'), element...), '>')
}

// The types of results.
const (
	createResult  = "CreateResult"
	updateResult  = "UpdateResult"
	deleteResult  = "DeleteResult"
	performResult = "PerformResult"
)

// specialOf is the type of the results of objects of a type, where it is not the one named; empty: there is none.
func specialOf(objectType, typeName string) string {
	switch {
	case objectType == "DataExtensionObject" && typeName != performResult:
		return "DataExtension" + typeName
	case objectType == "TriggeredSend" && typeName == createResult:
		return "TriggeredSend" + typeName
	case objectType == "ContactEvent" && typeName == createResult:
		return "ContactEvent" + typeName
	}
	return ""
}

// dataExtension says whether a type of results has an ErrorMessage.
func dataExtension(special string) bool {
	return special == "DataExtension"+createResult || special == "DataExtension"+updateResult || special == "DataExtension"+deleteResult
}

// ResultsOf are the results of a call that has ended, at least one. Those of a call without results, which nothing came of, are as
// the call ended.
func ResultsOf(c *schemas.CallResource) []Result {
	if len(c.Results) == 0 {
		return []Result{resultOf(c, &schemas.ResultResource{Status: c.Status})}
	}
	all := make([]Result, len(c.Results))
	for i := range all {
		all[i] = resultOf(c, &c.Results[i])
	}
	return all
}

// resultOf is the result of one object of a call, which need not have ended.
func resultOf(c *schemas.CallResource, r *schemas.ResultResource) Result {
	out := Result{
		StatusCode:     StatusOK,
		StatusMessage:  r.Message,
		Ordinal:        r.Ordinal,
		RequestID:      c.RequestID,
		ConversationID: c.ConversationID,
		ObjectType:     r.ObjectType,
		Object:         objectOf(r),
	}
	if r.Status != schemas.OK {
		out.StatusCode = StatusError
		out.ErrorCode, out.StatusMessage = Error(cmp.Or(r.ErrorCode, c.ErrorCode, schemas.CallFailed), cmp.Or(r.Message, c.Message))
	}
	if out.StatusMessage == "" {
		out.StatusMessage = done(c.Method) + " " + r.ObjectType
	}
	return out
}

// done says that a method was carried out.
func done(method string) string {
	if method == "Perform" {
		return "Performed"
	}
	return method + "d" // as Created, Updated
}

// objectOf is the object of a result; nil: it is not included.
func objectOf(r *schemas.ResultResource) *parleyv1.Object {
	o := r.Object
	if o == nil {
		return nil
	}
	return &parleyv1.Object{
		Type: o.Type, CustomerKey: o.CustomerKey, SubscriberKey: o.SubscriberKey, PartnerKey: o.PartnerKey, Id: o.ID,
		ObjectId: o.ObjectID, CorrelationId: o.CorrelationID, Properties: o.Properties,
	}
}
