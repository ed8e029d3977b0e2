package partnerapi

import (
	"iter"
	"maps"
	"slices"
	"sync"
)

// Type is a type of the schema, or one of XML Schema's own. It is shared and never changed.
type Type struct {
	// Name is without prefix; empty: the type is declared where it is used.
	Name string
	// Base is what it extends; nil: nothing.
	Base *Type
	// Abstract types have no elements; those that extend them have.
	Abstract bool
	Kind     Kind
	// Words are all values of an enumeration; nil: it is none.
	Words []string
	// Members are the elements in an element of this type, in the order in which they must stand: those of Base first.
	Members []Member

	bits   int            // of a Whole
	places map[string]int // of members, by name
}

// Kind says how the values of a type are written in JSON.
type Kind int

// Kinds.
const (
	Text    Kind = iota // as a string
	Boolean             // as true or false
	Whole               // as a number
	Number              // as a number, which may have a fraction
	Time                // as a string, an xs:dateTime
	Complex             // as an object
)

// Member is an element in elements of a type.
type Member struct {
	Name string
	Type *Type
	// Min and Max bound how often it stands there. Max is -1 when nothing does.
	Min, Max int
	// Nillable: it may be xsi:nil.
	Nillable bool
}

// Many says whether a member may stand there more than once.
func (m Member) Many() bool { return m.Max != 1 }

// Is says whether t is the type of a name, or extends it.
func (t *Type) Is(name string) bool {
	for ; t != nil; t = t.Base {
		if t.Name == name {
			return true
		}
	}
	return false
}

// Member is the member of a name, of t or of what it extends; false: there is none. A nil t has none.
func (t *Type) Member(name string) (Member, bool) {
	i := t.place(name)
	if i < 0 {
		return Member{}, false
	}
	return t.Members[i], true
}

// place is where a member stands; -1: there is none.
func (t *Type) place(name string) int {
	if t != nil {
		if i, ok := t.places[name]; ok {
			return i
		}
	}
	return -1
}

// Lookup is the type of a name; nil: there is none in the schema.
func Lookup(name string) *Type { return read().types[name] }

// Message is the type of an element that may stand in a body, as CreateRequest; nil: there is no such element.
func Message(element string) *Type { return read().elements[element] }

// Objects are the types of objects that a call may be about, by name.
func Objects() iter.Seq[*Type] {
	return func(yield func(*Type) bool) {
		for _, name := range slices.Sorted(maps.Keys(read().types)) {
			if t := read().types[name]; t.Is("APIObject") && !yield(t) {
				return
			}
		}
	}
}

// read reads the schema, once.
var read = sync.OnceValue(readSchema)
