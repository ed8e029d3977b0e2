package soap

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

// Header is what an answer says of itself (WS-Addressing, August 2004; WS-Security's Timestamp).
type Header struct {
	// Action is that of the answer.
	Action string
	// MessageID is the answer's own, a UUID; RelatesTo that of the request, as it has it, "" if it has none.
	MessageID, RelatesTo string
	At                   time.Time
}

const (
	addressingNamespace = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	utilityNamespace    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	anonymousAddress    = addressingNamespace + "/role/anonymous"
	// answerGoodFor is how long an answer says that it may be looked at.
	answerGoodFor = 5 * time.Minute
	stampLayout   = "2006-01-02T15:04:05Z"
)

// Answer is an envelope around what a body holds, which is XML, and may use the prefix xsi. The envelope has the prefix soap:
// there are clients that look for it by that. A header that is nil is left out.
func Answer(v Version, h *Header, body []byte) []byte {
	b := make([]byte, 0, len(body)+1536)
	b = append(b, `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="`+v.namespace()+`" xmlns:xsi="`+schemaInstance+`"`...)
	if h != nil {
		b = h.append(append(b, ` xmlns:wsa="`+addressingNamespace+`" xmlns:wsse="`+SecurityNamespace+`" xmlns:wsu="`+utilityNamespace+`"><soap:Header>`...))
		b = append(b, `</soap:Header`...)
	}
	b = append(b, `><soap:Body>`...)
	b = append(b, body...)
	return append(b, `</soap:Body></soap:Envelope>`...)
}

func (h *Header) append(b []byte) []byte {
	b = append(b, `<wsa:Action>`+Escape(h.Action)+`</wsa:Action><wsa:MessageID>urn:uuid:`+h.MessageID+`</wsa:MessageID>`...)
	if h.RelatesTo != "" {
		b = append(b, `<wsa:RelatesTo>`+Escape(h.RelatesTo)+`</wsa:RelatesTo>`...)
	}
	b = append(b, `<wsa:To>`+anonymousAddress+`</wsa:To><wsse:Security><wsu:Timestamp wsu:Id="Timestamp-`+h.MessageID+`"><wsu:Created>`...)
	b = h.At.UTC().AppendFormat(b, stampLayout)
	b = append(b, `</wsu:Created><wsu:Expires>`...)
	b = h.At.UTC().Add(answerGoodFor).AppendFormat(b, stampLayout)
	return append(b, `</wsu:Expires></wsu:Timestamp></wsse:Security>`...)
}

// Fault says why an operation was not carried out.
type Fault struct { //nolint:errname // it is what SOAP calls it
	// Caller: it is the caller's fault, and no use to repeat.
	Caller bool
	// Unversioned: the envelope is of no known version.
	Unversioned bool
	// Code is the code of SOAP 1.1, and the subcode of 1.2, where it is not one of SOAP's own; zero: it is.
	Code xml.Name
	// Text is for people.
	Text string
	// Detail is XML; empty: there is none.
	Detail string
}

func (f Fault) Error() string { return f.Text }

// Encode is the envelope of a fault.
func (f Fault) Encode(v Version) []byte {
	if v == V12 {
		var sub string
		if f.Code != (xml.Name{}) {
			sub = fmt.Sprintf(`<soap:Subcode><soap:Value xmlns:q0=%q>q0:%s</soap:Value></soap:Subcode>`, f.Code.Space, f.Code.Local)
		}
		var detail string
		if f.Detail != "" {
			detail = `<soap:Detail>` + f.Detail + `</soap:Detail>`
		}
		return Answer(v, nil, fmt.Appendf(nil, `<soap:Fault><soap:Code><soap:Value>soap:%s</soap:Value>%s</soap:Code><soap:Reason><soap:Text xml:lang="en">%s</soap:Text></soap:Reason>%s</soap:Fault>`,
			f.code("Sender", "Receiver"), sub, Escape(f.Text), detail))
	}
	code := `<faultcode>soap:` + f.code("Client", "Server") + `</faultcode>`
	if f.Code != (xml.Name{}) {
		code = fmt.Sprintf(`<faultcode xmlns:q0=%q>q0:%s</faultcode>`, f.Code.Space, f.Code.Local)
	}
	return Answer(v, nil, fmt.Appendf(nil, `<soap:Fault>%s<faultstring>%s</faultstring><detail>%s</detail></soap:Fault>`, code, Escape(f.Text), f.Detail))
}

func (f Fault) code(caller, server string) string {
	switch {
	case f.Unversioned:
		return "VersionMismatch"
	case f.Caller:
		return caller
	}
	return server
}

// Escape is text as it stands in an element or an attribute. What XML cannot hold becomes U+FFFD.
func Escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes everything
	return b.String()
}
