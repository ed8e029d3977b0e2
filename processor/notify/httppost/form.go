package httppost

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"

	"parley/internal/partnerapi"
	"parley/processor/notify"
	"parley/schemas"
)

// formBytesMax bounds a form: what ASP.NET takes when nobody has told it otherwise (httpRuntime maxRequestLength, 4096 KB).
const formBytesMax = 4096 << 10

// leftOut is said in the place of what there is no room for.
const leftOut = "Results or objects are left out, there are too many: retrieve them as ResultItem"

// form is the form that a receiver is sent whom a call by SOAP has named (ASYNC-WIRE, section 11). That of the end of a conversation
// has no RequestID and no SequenceCode, and as ResultDetailXML those of its calls in one document.
func form(n *notify.Notification) []byte {
	e := endOf(n)
	b := e.append(nil, detail(n))
	if len(b) > formBytesMax {
		e.truncated = true
		b = e.append(b[:0], "")
	}
	return b
}

// detail is ResultDetailXML: a document, empty if there is none.
func detail(n *notify.Notification) string {
	switch {
	case !n.Target.GetIncludeResults():
		return ""
	case n.Call != nil:
		return string(n.AppendDetail(nil))
	}
	return string(n.AppendXML(nil))
}

// end is what a form says of the end of a call, or of a conversation.
type end struct {
	requestID, conversationID, sequenceCode string
	status                                  string
	code                                    int // zero: none
	message                                 string
	truncated                               bool // something is left out
}

func endOf(n *notify.Notification) (e end) {
	e.truncated = n.Truncated
	if c := n.Call; c != nil {
		e.requestID, e.conversationID, e.status = c.RequestID, c.ConversationID, partnerapi.OverallStatus(c.Status)
		if c.ConversationID != "" {
			e.sequenceCode = strconv.Itoa(int(c.SequenceCode))
		}
		e.because(n.FirstError, c.ErrorCode, c.Message)
		return e
	}
	c := n.Conversation
	e.requestID, e.status = c.RequestID, conversationStatus(c)
	if c.RequestID == "" { // else it is a call without a ConversationID
		e.conversationID = c.ConversationID
	}
	e.because(n.FirstError, c.ErrorCode, c.Message)
	return e
}

// conversationStatus is the OverallStatusCode of a conversation.
func conversationStatus(c *schemas.ConversationResource) string {
	switch {
	case c.Status != schemas.ConversationComplete:
		return partnerapi.StatusError
	case c.Errors > 0:
		return partnerapi.StatusHasErrors
	}
	return partnerapi.StatusOK
}

// because says why it has ended so: by the first error of an object, unless the whole has a reason of its own.
func (e *end) because(first *schemas.ResultResource, code schemas.Code, message string) {
	if e.status == partnerapi.StatusOK {
		e.message = message
		return
	}
	if first != nil && (code == "" || code == schemas.CallFailed) {
		code, message = cmp.Or(first.ErrorCode, code), cmp.Or(first.Message, message)
	}
	e.code, e.message = partnerapi.Error(cmp.Or(code, schemas.CallFailed), message)
}

// append appends the fields, in the order in which the original is known to name them. ResultDetailXML is not there when it is empty.
func (e *end) append(b []byte, detail string) []byte {
	message := e.message
	if e.truncated {
		message = strings.TrimPrefix(message+"; "+leftOut, "; ")
	}
	var code string
	if e.code != 0 {
		code = strconv.Itoa(e.code)
	}
	for i, f := range [...][2]string{
		{"RequestID", e.requestID},
		{"ConversationID", e.conversationID},
		{"OverallStatusCode", e.status},
		{"StatusCode", e.status},
		{"StatusMessage", message},
		{"ErrorCode", code},
		{"RequestType", partnerapi.Asynchronous},
		{"ResultType", partnerapi.Asynchronous},
		{"ResultDetailXML", detail},
		{"SequenceCode", e.sequenceCode},
	} {
		if f[0] == "ResultDetailXML" && detail == "" {
			continue
		}
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, f[0]...), '='), url.QueryEscape(f[1])...)
	}
	return b
}
