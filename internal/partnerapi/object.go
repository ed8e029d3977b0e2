package partnerapi

import (
	"slices"
	"strings"

	parleyv1 "parley/schemas/parley/v1"
)

// The fields of an object that are members of it in XML.
const (
	PartnerKey    = "PartnerKey"
	ID            = "ID"
	ObjectID      = "ObjectID"
	CustomerKey   = "CustomerKey"
	SubscriberKey = "SubscriberKey"
	CorrelationID = "CorrelationID"
)

// The names of what an ObjectExtension has its columns in.
const (
	Properties      = "Properties"
	Property        = "Property"
	Name            = "Name"
	Value           = "Value"
	NullAPIProperty = "NullAPIProperty"
)

// TypeOf is the type of an object; an APIObject for one that the schema does not know.
func TypeOf(object string) *Type {
	if t := Lookup(object); t.Is("APIObject") {
		return t
	}
	return Lookup("APIObject")
}

// IsExtension says whether the properties of an object of type t are columns.
func (t *Type) IsExtension() bool { return t.Is("ObjectExtension") }

// Extent is how much of an object is told.
type Extent int

// Extents.
const (
	WholeObject Extent = iota
	// BaseOnly leaves the members of APIObject (AsyncResponse.OnlyIncludeBase).
	BaseOnly
)

// AppendObject appends an object as an element, whose xsi:type is the type of the object, if it has one.
func AppendObject(b []byte, o *parleyv1.Object, element string, extent Extent) []byte {
	t := TypeOf(o.Type)
	var all []field
	for _, f := range [...]struct{ name, text string }{
		{TypeMember, o.Type},
		{PartnerKey, o.PartnerKey},
		{ID, o.Id},
		{ObjectID, o.ObjectId},
		{CustomerKey, o.CustomerKey},
		{CorrelationID, o.CorrelationId},
		{SubscriberKey, o.SubscriberKey},
	} {
		if f.text != "" {
			all = append(all, field{f.name, textValue(f.text)})
		}
	}
	properties := readObject(o.Properties)
	if t.IsExtension() {
		properties = fromColumns(properties)
	}
	all = append(all, properties...)
	if extent == BaseOnly {
		all = ofBase(all)
	}
	return appendMembers(b, element, t, all)
}

// ofBase are those of the members of an object that every object has.
func ofBase(all []field) []field {
	base := Lookup("APIObject")
	return slices.DeleteFunc(all, func(f field) bool { return f.name != TypeMember && base.place(f.name) < 0 })
}

// fromColumns are the members of an ObjectExtension whose properties are given: columns, and what has an "@" before its name.
func fromColumns(properties []field) []field {
	var members []field
	var columns []value
	for _, f := range properties {
		if name, ok := strings.CutPrefix(f.name, AttributeMark); ok {
			members = append(members, field{name, f.value})
			continue
		}
		if f.value.kind != '[' {
			columns = append(columns, column(f))
			continue
		}
		for _, item := range f.value.items {
			columns = append(columns, column(field{f.name, item}))
		}
	}
	if len(columns) > 0 {
		members = append(members, field{Properties, value{kind: '{', members: []field{{Property, value{kind: '[', items: columns}}}}})
	}
	return members
}

// column is a Property.
func column(f field) value {
	out := value{kind: '{', members: []field{{Name, textValue(f.name)}, {Value, f.value}}}
	if f.value.kind == 'n' {
		out.members[1].value = textValue("")
		out.members = append(out.members, field{TypeMember, textValue(NullAPIProperty)})
	}
	return out
}
