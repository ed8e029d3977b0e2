package exacttarget

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
)

// members are those of an object of JSON, which is made of an element.
type members struct {
	// mark stands before the name of each that is no column.
	mark string
	// t is the type of the element; nil: it is not known.
	t *partnerapi.Type

	all []member
	// last is the place of the last of each name; nil while there are so few that looking through all is faster.
	last map[string]int
}

// fewMembers is how many are looked through.
const fewMembers = 16

type member struct {
	name string
	// element is what it is made of; nil: of text alone.
	element *soap.Element
	text    string
	t       *partnerapi.Type
	// many: it is an array, as there may be more of its name. next is where the next one is; zero: there is none.
	many bool
	next int
	// again: one of its name stands before it.
	again bool
}

func newMembers(e *soap.Element, t *partnerapi.Type) *members {
	n := len(e.Children) + len(e.Attrs)
	m := &members{t: t, all: make([]member, 0, n)}
	if n > fewMembers {
		m.last = make(map[string]int, n)
	}
	return m
}

// add adds a member. What stands there repeatedly is an array, whether the schema has it so or not.
func (m *members) add(add member) {
	place := len(m.all)
	if before, ok := m.find(add.name); ok {
		m.all[before].next = place
		add.again = true
	}
	m.all = append(m.all, add)
	if m.last == nil && len(m.all) > fewMembers { // columns are more than the elements that they are in
		m.last = make(map[string]int, 2*len(m.all))
		for i := range m.all {
			m.last[m.all[i].name] = i
		}
	} else if m.last != nil {
		m.last[add.name] = place
	}
}

// find is the place of the last member of a name; false: there is none.
func (m *members) find(name string) (place int, ok bool) {
	if m.last != nil {
		place, ok = m.last[name]
		return place, ok
	}
	for i := range slices.Backward(m.all) {
		if m.all[i].name == name {
			return i, true
		}
	}
	return 0, false
}

func (m *members) attributes(e *soap.Element) {
	for _, a := range e.Attrs {
		m.add(member{name: m.mark + partnerapi.AttributeMember(a.Name.Local), text: a.Value})
	}
}

func (m *members) elements(e *soap.Element) {
	for i := range e.Children {
		m.element(&e.Children[i])
	}
}

func (m *members) element(e *soap.Element) {
	declared, _ := m.t.Member(e.Name.Local)
	m.add(member{name: m.mark + e.Name.Local, element: e, t: declared.Type, many: declared.Type != nil && declared.Many()})
}

// text adds the text of an element that has elements, unless it is white space between them.
func (m *members) text(e *soap.Element) {
	if e.Value() != "" {
		m.add(member{name: m.mark + partnerapi.TextMember, text: e.Text})
	}
}

// columns adds those that areColumns. A column without a value is null.
func (m *members) columns(e *soap.Element) {
	for i := range e.Children {
		p := &e.Children[i]
		add := member{name: p.Child(partnerapi.Name).Value(), element: p.Child(partnerapi.Value)}
		if add.element == nil || p.Type.Local == partnerapi.NullAPIProperty && add.element.Text == "" {
			add.element = &soap.Element{Nil: true}
		}
		m.add(add)
	}
}

// append appends the object. Members of one name stand where the first of them did.
func (m *members) append(b []byte) []byte {
	b = append(b, '{')
	for i := range m.all {
		first := &m.all[i]
		if first.again {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(appendString(b, first.name), ':')
		if !first.many && first.next == 0 {
			b = first.append(b)
			continue
		}
		b = first.append(append(b, '['))
		for n := first.next; n != 0; n = m.all[n].next {
			b = m.all[n].append(append(b, ','))
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func (m *member) append(b []byte) []byte {
	if m.element == nil {
		return m.t.AppendJSON(b, m.text)
	}
	return appendValue(b, m.element, m.t)
}

// appendValue appends what an element of a declared type holds; nil: the type is not known.
func appendValue(b []byte, e *soap.Element, declared *partnerapi.Type) []byte {
	if e.Nil {
		return append(b, "null"...)
	}
	t, other := typeOf(e, declared)
	isComplex := t != nil && t.Kind == partnerapi.Complex
	if isPlain(e) && !other && (!isComplex || e.Value() != "") {
		return t.AppendJSON(b, e.Text)
	}
	m := newMembers(e, t)
	if other {
		m.add(member{name: partnerapi.TypeMember, text: e.Type.Local})
	}
	m.attributes(e)
	m.elements(e)
	switch {
	case len(e.Children) > 0 || isComplex:
		m.text(e)
	case e.Text != "":
		m.add(member{name: partnerapi.TextMember, text: e.Text, t: t})
	}
	return m.append(b)
}

// xmlSchema is the namespace of the types that XML Schema itself has: they say nothing that the schema, or the text, does not.
const xmlSchema = "http://www.w3.org/2001/XMLSchema"

// typeOf is the type of an element: the one that it names, if it is known. other: it names another than the declared one.
func typeOf(e *soap.Element, declared *partnerapi.Type) (t *partnerapi.Type, other bool) {
	if e.Type.Local == "" || e.Type.Space == xmlSchema || declared != nil && declared.Name == e.Type.Local {
		return declared, false
	}
	if t = partnerapi.Lookup(e.Type.Local); t == nil {
		t = declared
	}
	return t, true
}

// appendString appends a JSON string.
func appendString(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text) // the only error is that invalid UTF-8 has become U+FFFD
	return b
}
