package partnerapi

import (
	"cmp"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Response is what is answered to a request that asks for a call, and what a call that was queued is later said to have come to.
type Response struct {
	// Method is Create, Update, Delete or Perform.
	Method string
	// RequestID is empty for a call that was refused: nothing is known by one.
	RequestID string
	// OverallStatus is StatusOK, StatusHasErrors or StatusError.
	OverallStatus string
	// OverallStatusMessage is of Perform alone.
	OverallStatusMessage string
	// Results are never empty: there are clients that cannot read a response without one.
	Results []Result
}

// ResponseOf is the response of a call that has ended. requestType is what it was asked as.
func ResponseOf(c *schemas.CallResource, requestType string) Response {
	r := Response{
		Method:               c.Method,
		RequestID:            c.RequestID,
		OverallStatus:        OverallStatus(c.Status),
		OverallStatusMessage: c.Message,
		Results:              ResultsOf(c),
	}
	for i := range r.Results {
		r.Results[i].RequestType = requestType
	}
	return r
}

// OverallStatus is that of a call that has ended.
func OverallStatus(s schemas.CallStatus) string {
	switch s {
	case schemas.OK:
		return StatusOK
	case schemas.HasErrors:
		return StatusHasErrors
	}
	return StatusError
}

const (
	defaultNamespace = ` xmlns="` + Namespace + `"`
	instancePrefix   = ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`
)

// AppendResponse appends the element of a response, as CreateResponse or PerformResponseMsg, in a document that declares the
// prefix xsi. The elements of three responses have one order, those of Perform another.
func AppendResponse(b []byte, r *Response) []byte { return appendResponse(b, r, defaultNamespace) }

func appendResponse(b []byte, r *Response, declarations string) []byte {
	if r.Method == "Perform" {
		b = append(append(append(b, `<PerformResponseMsg`...), declarations...), `><Results>`...)
		for i := range r.Results {
			b = AppendResult(b, "Result", performResult, &r.Results[i])
		}
		b = AppendElement(append(b, `</Results>`...), "OverallStatus", r.OverallStatus)
		b = AppendElement(b, "OverallStatusMessage", r.OverallStatusMessage)
		b = appendOptional(b, "RequestID", r.RequestID)
		return append(b, `</PerformResponseMsg>`...)
	}
	b = append(append(append(append(b, '<'), r.Method...), `Response`...), declarations...)
	b = append(b, '>')
	for i := range r.Results {
		b = AppendResult(b, "Results", r.Method+"Result", &r.Results[i])
	}
	b = appendOptional(b, "RequestID", r.RequestID)
	b = AppendElement(b, "OverallStatus", r.OverallStatus)
	return append(append(append(b, '<', '/'), r.Method...), `Response>`...)
}

// AppendDetail appends the ResultDetailXML of a call that has ended: the element of its response, which is a document of its own.
// Of an object that is not included it has the CorrelationID, and the CustomerKey, all the same: they tell what a result is of.
// A call of which nothing but its refusal is known has no method; it is told as a Create.
func AppendDetail(b []byte, c *schemas.CallResource, extent Extent) []byte {
	return appendDetail(b, c, extent, defaultNamespace+instancePrefix)
}

func appendDetail(b []byte, c *schemas.CallResource, extent Extent, declarations string) []byte {
	r := ResponseOf(c, Asynchronous)
	r.Method = cmp.Or(r.Method, "Create")
	for i := range r.Results {
		r.Results[i].Extent = extent
		if r.Results[i].Object == nil && i < len(c.Results) {
			r.Results[i].Object = reference(&c.Results[i])
		}
	}
	return appendResponse(b, &r, declarations)
}

// reference is what tells the object of a result from others, where the object is not included; nil: nothing does.
func reference(r *schemas.ResultResource) *parleyv1.Object {
	if r.CustomerKey == "" && r.CorrelationID == "" {
		return nil
	}
	return &parleyv1.Object{Type: r.ObjectType, CustomerKey: r.CustomerKey, CorrelationId: r.CorrelationID}
}

// AppendDetails appends calls that have ended as one document, Results, in their order: what the end of a conversation came to, and
// Results.xml.
func AppendDetails(b []byte, calls []schemas.CallResource, extent Extent) []byte {
	b = append(b, `<Results`+defaultNamespace+instancePrefix+`>`...)
	for i := range calls {
		b = appendDetail(b, &calls[i], extent, "")
	}
	return append(b, `</Results>`...)
}
