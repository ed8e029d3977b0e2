package soap

import (
	"encoding/xml"
	"iter"
	"strings"
)

// Element is an XML element, its names resolved.
type Element struct {
	// Name is the namespace and the local name.
	Name xml.Name
	// Type is what xsi:type names, its prefix resolved; zero: nothing.
	Type xml.Name
	// Nil is xsi:nil.
	Nil bool
	// Attrs are without declarations of namespaces, and without those of xsi; their names are resolved.
	Attrs []xml.Attr
	// Text is the character data directly in it, as it stands.
	Text     string
	Children []Element
}

// Child is the first child with a local name, in whatever namespace; nil: there is none. The nil Element has no children.
func (e *Element) Child(local string) *Element {
	for c := range e.All(local) {
		return c
	}
	return nil
}

// All are the children with a local name, in whatever namespace.
func (e *Element) All(local string) iter.Seq[*Element] {
	return func(yield func(*Element) bool) {
		if e == nil {
			return
		}
		for i := range e.Children {
			if c := &e.Children[i]; c.Name.Local == local && !yield(c) {
				return
			}
		}
	}
}

// Value is the text without white space around it. That of the nil Element, and of one that is xsi:nil, is empty.
func (e *Element) Value() string {
	if e == nil || e.Nil {
		return ""
	}
	return strings.TrimSpace(e.Text)
}
