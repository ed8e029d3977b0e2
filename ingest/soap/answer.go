package soap

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// Answer is an envelope around what a body holds, which is XML.
func Answer(v Version, body string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="` + v.namespace() + `"><soapenv:Body>` + body + `</soapenv:Body></soapenv:Envelope>`)
}

// Fault says why an operation was not carried out.
type Fault struct {
	// Caller: it is the caller's fault, and no use to repeat.
	Caller bool
	// Unversioned: the envelope is of no known version.
	Unversioned bool
	// Text is for people.
	Text string
	// Detail is XML; empty: there is none.
	Detail string
}

// Encode is the envelope of a fault.
func (f Fault) Encode(v Version) []byte {
	if v == V12 {
		return Answer(v, fmt.Sprintf(`<soapenv:Fault><soapenv:Code><soapenv:Value>soapenv:%s</soapenv:Value></soapenv:Code>`+
			`<soapenv:Reason><soapenv:Text xml:lang="en">%s</soapenv:Text></soapenv:Reason><soapenv:Detail>%s</soapenv:Detail></soapenv:Fault>`,
			f.code("Sender", "Receiver"), Escape(f.Text), f.Detail))
	}
	return Answer(v, fmt.Sprintf(`<soapenv:Fault><faultcode>soapenv:%s</faultcode><faultstring>%s</faultstring><detail>%s</detail></soapenv:Fault>`,
		f.code("Client", "Server"), Escape(f.Text), f.Detail))
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
