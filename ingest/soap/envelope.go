package soap

import (
	"encoding/xml"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// Version is that of an envelope. The zero value is SOAP 1.1.
type Version int

// Versions.
const (
	V11 Version = iota
	V12
)

// The namespaces of envelopes.
const (
	namespace11 = "http://schemas.xmlsoap.org/soap/envelope/"
	namespace12 = "http://www.w3.org/2003/05/soap-envelope"
)

const (
	contentType11 = "text/xml"
	contentType12 = "application/soap+xml"
)

func (v Version) namespace() string {
	if v == V12 {
		return namespace12
	}
	return namespace11
}

// ContentType is that of messages.
func (v Version) ContentType() string {
	if v == V12 {
		return contentType12 + "; charset=utf-8"
	}
	return contentType11 + "; charset=utf-8"
}

// VersionOf is the version that the head of a request speaks of: an answer to what cannot be read is in it.
func VersionOf(h http.Header) Version {
	if media, _, err := mime.ParseMediaType(h.Get("Content-Type")); err == nil && media == contentType12 {
		return V12
	}
	return V11
}

// Request is what an envelope asks.
type Request struct {
	Version Version
	// Action is what is to be done, as the SOAPAction header, the action of SOAP 1.2's content type, or the Action of
	// WS-Addressing says, in that order; "": none of them does.
	Action string
	// MessageID is that of WS-Addressing; "": there is none.
	MessageID   string
	Credentials Credentials
	// Body is the only element in the body.
	Body Element
	// Text is Body as it stands in the document, but in UTF-8.
	Text []byte
}

// ErrVersion says that an envelope is of no version of SOAP that is known here.
var ErrVersion = errors.New("the root is no Envelope of SOAP 1.1 or 1.2")

// Decode reads the head and the body of an HTTP request. Its error is a Fault; Version is how it is to be answered whatever
// the error. Header and Body may stand in any order.
func Decode(h http.Header, body []byte) (Request, error) {
	r := Request{Version: VersionOf(h)}
	if err := r.decode(body); err != nil {
		return r, Fault{Caller: true, Unversioned: errors.Is(err, ErrVersion), Text: err.Error()}
	}
	if action := actionOf(h, r.Version); action != "" {
		r.Action = action
	}
	return r, nil
}

func (r *Request) decode(body []byte) error {
	text, err := decodeText(body)
	if err != nil {
		return err
	}
	var operation span
	root, err := readDocument(text, operation.mark)
	if err != nil {
		return err
	}
	switch root.Name {
	case xml.Name{Space: namespace11, Local: "Envelope"}:
		r.Version = V11
	case xml.Name{Space: namespace12, Local: "Envelope"}:
		r.Version = V12
	default:
		return fmt.Errorf("%w, but %s in the namespace %q", ErrVersion, root.Name.Local, root.Name.Space)
	}
	bodies := slices.Collect(root.All("Body"))
	if len(bodies) != 1 || len(bodies[0].Children) != 1 {
		return errors.New("the envelope has one Body, and that one element, which is what is asked for")
	}
	r.Body, r.Text = bodies[0].Children[0], text[operation.begin:operation.end]
	head := root.Child("Header")
	r.Action, r.MessageID = head.Child("Action").Value(), head.Child("MessageID").Value()
	r.Credentials = credentialsOf(head)
	return nil
}

// span is where the element in the body stands in the document.
type span struct {
	begin, end int64
	inBody     bool
}

func (s *span) mark(e *Element, around int, begin, end int64) {
	switch {
	case around == 1:
		s.inBody = e.Name.Local == "Body"
	case around == 2 && s.inBody:
		if s.begin == 0 {
			s.begin = begin
		}
		s.end = end
	}
}

// actionOf is the action that the head of a request names; "": none.
func actionOf(h http.Header, v Version) string {
	if action := strings.Trim(h.Get("SOAPAction"), "\" \t"); action != "" {
		return action
	}
	if _, parameters, err := mime.ParseMediaType(h.Get("Content-Type")); v == V12 && err == nil {
		return parameters["action"]
	}
	return ""
}
