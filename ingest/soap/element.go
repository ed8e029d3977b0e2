package soap

import (
	"encoding/xml"
	"iter"
	"strings"
)

// Element is an XML element, its names resolved.
type Element struct {
	// Name has the namespace, "" without one, and the local name.
	Name xml.Name
	// Type is what xsi:type names; zero: it names nothing.
	Type xml.Name
	// Nil is xsi:nil.
	Nil bool
	// Attrs are the others, but for those that declare namespaces, or say where schemas are.
	Attrs []xml.Attr
	// Text is the character data directly in it, as it stands.
	Text     string
	Children []Element
}

// Child is the first child with a local name; nil: there is none. Namespaces are not looked at: many who write them leave
// them out.
func (e *Element) Child(local string) *Element {
	for c := range e.All(local) {
		return c
	}
	return nil
}

// All are the children with a local name, in order. An element that is nil has none.
func (e *Element) All(local string) iter.Seq[*Element] {
	return func(yield func(*Element) bool) {
		if e == nil {
			return
		}
		for i := range e.Children {
			if e.Children[i].Name.Local == local && !yield(&e.Children[i]) {
				return
			}
		}
	}
}

// Value is the text without white space around it; "" of an element that is nil, or is not there.
func (e *Element) Value() string {
	if e == nil || e.Nil {
		return ""
	}
	return strings.TrimSpace(e.Text)
}
