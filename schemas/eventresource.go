package schemas

import (
	"strconv"
	"time"

	parleyv1 "parley/schemas/parley/v1"
)

// CallResourceOf returns the status that a call's event tells.
func CallResourceOf(e *parleyv1.ResultEvent) CallResource {
	c := e.GetCall()
	r := CallResource{
		RequestID:           c.GetRequestId(),
		Account:             e.GetAccount(),
		ConversationID:      c.GetConversationId(),
		SequenceCode:        c.GetSequenceCode(),
		CallsInConversation: c.GetCallsInConversation(),
		Method:              c.GetMethod(),
		Status:              CallStatus(c.GetStatus()),
		ErrorCode:           Code(c.GetErrorCode()),
		Message:             c.GetMessage(),
		Attempts:            c.GetAttempts(),
		AcceptedAt:          TimeOf(c.GetAcceptedAtMs()),
		StartedAt:           TimeOf(c.GetStartedAtMs()),
		CompletedAt:         TimeOf(c.GetCompletedAtMs()),
		Sequence:            SequenceOf(e),
		Results:             make([]ResultResource, len(c.GetResults())),
	}
	for i, o := range c.GetResults() {
		r.Results[i] = ResultResource{
			Ordinal:       i,
			CorrelationID: o.GetCorrelationId(),
			ObjectType:    o.GetObjectType(),
			CustomerKey:   o.GetCustomerKey(),
			Status:        ResultStatus(o.GetStatus()),
			ErrorCode:     Code(o.GetErrorCode()),
			Message:       o.GetMessage(),
		}
	}
	r.Count()
	return r
}

// Count sets Total, Processed and Errors from Results: objects, those that were carried out, and those of them
// that failed.
func (r *CallResource) Count() {
	r.Total, r.Processed, r.Errors = len(r.Results), 0, 0
	for _, o := range r.Results {
		if o.Status.CarriedOut() {
			r.Processed++
		}
		if o.Status == Error {
			r.Errors++
		}
	}
}

// SequenceOf is the identity of an event in the form that callers see: partition-sequence.
func SequenceOf(e *parleyv1.ResultEvent) string {
	return SequenceText(e.GetPartition(), e.GetSequence())
}

// SequenceText is that of an event of a partition.
func SequenceText(partition int32, sequence int64) string {
	b := strconv.AppendInt(make([]byte, 0, len("32767-9223372036854775807")), int64(partition), 10)
	return string(strconv.AppendInt(append(b, '-'), sequence, 10))
}

// TimeOf is the instant of ms, milliseconds since 1970; nil for zero.
func TimeOf(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}

// ConversationResourceOf returns the status that a conversation's event tells, without its calls.
func ConversationResourceOf(e *parleyv1.ResultEvent) ConversationResource {
	c := e.GetConversation()
	id := c.GetConversationId()
	if id == "" {
		id = c.GetRequestId()
	}
	return ConversationResource{
		ConversationID:      id,
		RequestID:           c.GetRequestId(),
		Account:             e.GetAccount(),
		Status:              ConversationStatus(c.GetStatus()),
		ErrorCode:           Code(c.GetErrorCode()),
		Message:             c.GetMessage(),
		CallsInConversation: c.GetCallsInConversation(),
		Received:            c.GetReceived(),
		Missing:             []int32{},
		Total:               c.GetCallsInConversation(),
		Processed:           c.GetReceived(),
		Errors:              c.GetErrors(),
		AcceptedAt:          TimeOf(c.GetAcceptedAtMs()),
		StartedAt:           TimeOf(c.GetStartedAtMs()),
		CompletedAt:         TimeOf(c.GetCompletedAtMs()),
		Continues:           TextOf(c.GetContinues()),
		ContinuedBy:         TextOf(c.GetContinuedBy()),
		Calls:               []CallResource{},
	}
}

// TextOf is s; nil when it is empty.
func TextOf(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// MilliOf is t in milliseconds since 1970, the inverse of TimeOf; zero for the zero time.
func MilliOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
