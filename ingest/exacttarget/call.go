package exacttarget

import (
	"encoding/xml"
	"fmt"
	"iter"
	"slices"
	"time"

	"parley/ingest/soap"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Requests that ask for a call: the local names of what stands in the body (etframework.wsdl).
const (
	CreateRequest  = "CreateRequest"
	UpdateRequest  = "UpdateRequest"
	DeleteRequest  = "DeleteRequest"
	PerformRequest = "PerformRequestMsg"
)

// method is that of a call, and the type of its options as the schema declares it.
type method struct{ name, options string }

// methodOf is what a request asks for; false: it is none that asks for a call.
func methodOf(request string) (method, bool) {
	switch request {
	case CreateRequest:
		return method{"Create", "CreateOptions"}, true
	case UpdateRequest:
		return method{"Update", "UpdateOptions"}, true
	case DeleteRequest:
		return method{"Delete", "DeleteOptions"}, true
	case PerformRequest:
		return method{"Perform", "PerformOptions"}, true
	}
	return method{}, false
}

// Call is the call that a request asks for. Its problem says what cannot be read, with pointers into the JSON form of the call, as all
// problems of calls have them; whether the call is valid is not looked at. now bounds its ScheduledTime. Members may stand in any
// order, and what is empty may as well be absent.
func Call(e *soap.Element, now time.Time) (*parleyv1.Call, *schemas.Problem) {
	m, ok := methodOf(e.Name.Local)
	if !ok {
		return nil, &schemas.Problem{Code: schemas.UnknownMethod, Pointer: "/method", Detail: fmt.Sprintf("%.100q asks for no call", e.Name.Local)}
	}
	call := &parleyv1.Call{Method: m.name, Action: e.Child("Action").Value(), Soap: true}
	for o := range Objects(e) {
		if o.Nil {
			return nil, &schemas.Problem{Code: schemas.ObjectTypeRequired, Pointer: fmt.Sprintf("/objects/%d", len(call.Objects)), Detail: "it is nil"}
		}
		call.Objects = append(call.Objects, Object(o))
	}
	options := e.Child("Options")
	var p *schemas.Problem
	if call.Options, p = readOptions(options, now); p != nil {
		return nil, p
	}
	others := unplaced(options, correlate(call, options)...)
	if beside := besides(e); len(beside) > 0 {
		others.Children = append(others.Children, soap.Element{Name: xml.Name{Local: requestMember}, Children: beside})
	}
	if len(others.Children) > 0 || len(others.Attrs) > 0 {
		call.Options.Properties = Members(&others, m.options)
	}
	return call, nil
}

// requestMember is the member of a call's properties of options for what stands in its request and is neither options nor objects.
const requestMember = "@request"

// besides are the members of a request that its schema does not have.
func besides(e *soap.Element) []soap.Element {
	var all []soap.Element
	for _, c := range e.Children {
		switch c.Name.Local {
		case "Options", "Objects", "Action", "Definitions":
		default:
			all = append(all, c)
		}
	}
	return all
}

// Objects are what a request acts on, in the order in which they stand there.
func Objects(e *soap.Element) iter.Seq[*soap.Element] {
	if e.Name.Local != PerformRequest {
		return e.All("Objects")
	}
	return func(yield func(*soap.Element) bool) {
		for definitions := range e.All("Definitions") {
			for d := range definitions.All("Definition") {
				if !yield(d) {
					return
				}
			}
		}
	}
}

// correlate gives the only object of a call the CorrelationID that stands in its options, which may be nil: the documents of the
// interface list it there, its schema has it on objects alone. It returns the members that have found their place by that.
func correlate(call *parleyv1.Call, options *soap.Element) (found []string) {
	const member = "CorrelationID"
	id := options.Child(member).Value()
	if id == "" || len(call.Objects) != 1 || !slices.Contains([]string{"", id}, call.Objects[0].CorrelationId) {
		return nil
	}
	call.Objects[0].CorrelationId = id
	return []string{member}
}
