// Package soap reads and writes SOAP envelopes, of version 1.1 (W3C Note, 8 May 2000) and 1.2 (W3C Recommendation, 27 April
// 2007): one operation in the body, and who asks as a UsernameToken (WS-Security). It knows nothing of what is asked.
package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
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

func (v Version) namespace() string {
	if v == V12 {
		return namespace12
	}
	return namespace11
}

// ContentType is that of messages.
func (v Version) ContentType() string {
	if v == V12 {
		return "application/soap+xml; charset=utf-8"
	}
	return "text/xml; charset=utf-8"
}

// Request is what an envelope asks.
type Request struct {
	Version Version
	// Username and Password are those of the UsernameToken; empty: there is none.
	Username, Password string
	// Operation is the local name of the only element in the body. Its namespace is not looked at: samples leave it out.
	Operation string

	parameters []parameter
}

// Parameter is the text of the first child of the operation with a local name, without white space around it. false: there is
// none, or it is nil.
func (r Request) Parameter(name string) (string, bool) {
	for _, p := range r.parameters {
		if p.XMLName.Local == name {
			nothing := p.Nil == "true" || p.Nil == "1"
			return strings.TrimSpace(p.Text), !nothing
		}
	}
	return "", false
}

type envelope struct {
	XMLName xml.Name
	Token   token     `xml:"Header>Security>UsernameToken"`
	Body    *struct { // nil: there is none
		Operations []operation `xml:",any"`
	} `xml:"Body"`
}

type token struct {
	Username string
	Password string
}

type operation struct {
	XMLName    xml.Name
	Parameters []parameter `xml:",any"`
}

type parameter struct {
	XMLName xml.Name
	Nil     string `xml:"http://www.w3.org/2001/XMLSchema-instance nil,attr"`
	Text    string `xml:",chardata"`
}

// ErrVersion says that an envelope is of no version of SOAP that is known here.
var ErrVersion = errors.New("the root is no Envelope of SOAP 1.1 or 1.2")

// Decode reads an envelope. Whatever the error, Version is how it is to be answered.
func Decode(text []byte) (Request, error) {
	var e envelope
	if bytes.Contains(text, []byte("<!DOCTYPE")) {
		return Request{}, errors.New("a SOAP message has no DOCTYPE (SOAP 1.1, section 3)")
	}
	if err := xml.Unmarshal(text, &e); err != nil {
		return Request{}, fmt.Errorf("decode XML: %w", err)
	}
	r := Request{Username: e.Token.Username, Password: e.Token.Password}
	switch e.XMLName {
	case xml.Name{Space: namespace11, Local: "Envelope"}:
	case xml.Name{Space: namespace12, Local: "Envelope"}:
		r.Version = V12
	default:
		return r, ErrVersion
	}
	if e.Body == nil || len(e.Body.Operations) != 1 {
		return r, errors.New("the Body has one element, which is the operation")
	}
	o := e.Body.Operations[0]
	r.Operation, r.parameters = o.XMLName.Local, o.Parameters
	return r, nil
}
