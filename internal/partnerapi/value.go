package partnerapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// value is a value of JSON.
type value struct {
	// kind is that of jsontext: n, t, f, ", 0, { or [.
	kind jsontext.Kind
	// text is a string, or a number as it stands.
	text string
	// items are those of an array.
	items []value
	// members are those of an object, in the order in which they stand.
	members []field
}

type field struct {
	name  string
	value value
}

func textValue(text string) value { return value{kind: '"', text: text} }

// readObject reads a JSON object. Whatever else it finds, it keeps as text beside elements: nothing that is accepted has such properties.
func readObject(text []byte) []field {
	if len(text) == 0 {
		return nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	v, err := readValue(d)
	if _, end := d.ReadToken(); err != nil || !errors.Is(end, io.EOF) || v.kind != '{' {
		return []field{{TextMember, textValue(string(text))}}
	}
	return v.members
}

func readValue(d *jsontext.Decoder) (value, error) {
	t, err := d.ReadToken()
	if err != nil {
		return value{}, fmt.Errorf("read JSON: %w", err)
	}
	v := value{kind: t.Kind()}
	switch v.kind {
	case '"', '0':
		v.text = t.String()
	case 't':
		v.text = "true"
	case 'f':
		v.text = "false"
	case '[':
		for d.PeekKind() != ']' {
			item, err := readValue(d)
			if err != nil {
				return value{}, err
			}
			v.items = append(v.items, item)
		}
		_, err = d.ReadToken()
	case '{':
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return value{}, fmt.Errorf("read JSON: %w", err)
			}
			f := field{name: name.String()}
			if f.value, err = readValue(d); err != nil {
				return value{}, err
			}
			v.members = append(v.members, f)
		}
		_, err = d.ReadToken()
	}
	return v, err
}

// The names of what is no element, in objects of JSON.
const (
	// AttributeMark stands before the names of attributes, and before those of the members of an ObjectExtension that are no columns.
	AttributeMark = "@"
	// TypeMember is the type of an element, where it is not the declared one.
	TypeMember = "@type"
	// TextMember is text beside elements or attributes.
	TextMember = "#text"
)

// append appends an element of declared type t, which may be nil; an array as an element for each item.
func (v value) append(b []byte, element string, t *Type) []byte {
	switch v.kind {
	case '[':
		for _, item := range v.items {
			if item.kind == '[' { // XML knows no such thing: an element that holds elements of its own name
				item = value{kind: '{', members: []field{{element, item}}}
			}
			b = item.append(b, element, t)
		}
		return b
	case 'n':
		return append(appendName(append(b, '<'), element), ` xsi:nil="true"/>`...)
	case '{':
		return appendMembers(b, element, t, v.members)
	}
	b = appendName(append(b, '<'), element)
	if v.text == "" {
		return append(b, '/', '>')
	}
	b = AppendText(append(b, '>'), v.text)
	return append(appendName(append(b, '<', '/'), element), '>')
}

// appendMembers appends an element that holds members.
func appendMembers(b []byte, element string, t *Type, members []field) []byte {
	b = appendName(append(b, '<'), element)
	var names map[string]bool // of attributes: XML has each once
	for _, f := range members {
		if !f.isAttribute() {
			continue
		}
		name := attributeName(f.name)
		if names[name] {
			continue
		}
		if names == nil {
			names = map[string]bool{}
		}
		names[name] = true
		if f.name != TypeMember {
			b = append(AppendText(append(append(append(b, ' '), name...), '=', '"'), f.value.text), '"')
			continue
		}
		b = appendType(b, f.value.text)
		if named := Lookup(f.value.text); named != nil {
			t = named
		}
	}
	body := append(b, '>')
	for _, f := range inOrder(members, t) {
		switch {
		case f.name == TextMember && f.value.isText():
			body = AppendText(body, f.value.text)
		case !f.isAttribute():
			m, _ := t.Member(f.name)
			body = f.value.append(body, f.name, m.Type)
		}
	}
	if len(body) == len(b)+1 {
		return append(b, '/', '>')
	}
	return append(appendName(append(body, '<', '/'), element), '>')
}

// isText says whether a value is text in XML.
func (v value) isText() bool { return v.kind != '{' && v.kind != '[' && v.kind != 'n' }

// isAttribute says whether a member of an object is an attribute of the element, or its type.
func (f field) isAttribute() bool {
	return strings.HasPrefix(f.name, AttributeMark) && f.value.isText()
}

// attributeName is the name of an attribute whose member is given: see AttributeMember.
func attributeName(member string) string {
	switch member {
	case TypeMember:
		return "xsi:type"
	case AttributeMark + TypeMember:
		return TypeMember[len(AttributeMark):]
	}
	return string(appendName(nil, strings.TrimPrefix(member, AttributeMark)))
}

// AttributeMember is the member of an object in JSON that is an attribute in XML. One by the name of type is not taken for a TypeMember.
func AttributeMember(attribute string) string {
	if member := AttributeMark + attribute; member != TypeMember {
		return member
	}
	return AttributeMark + TypeMember
}

func appendType(b []byte, name string) []byte {
	return append(appendName(append(b, ` xsi:type="`...), name), '"')
}

// inOrder are members as the schema wants them: those that t knows in its order, then all others in theirs.
func inOrder(members []field, t *Type) []field {
	if t == nil || len(members) < 2 {
		return members
	}
	place := func(f field) int {
		if i := t.place(f.name); i >= 0 {
			return i
		}
		return len(t.Members)
	}
	members = slices.Clone(members)
	slices.SortStableFunc(members, func(x, y field) int { return place(x) - place(y) })
	return members
}
