package exacttarget

import (
	"parley/ingest/soap"
	"parley/internal/partnerapi"
	parleyv1 "parley/schemas/parley/v1"
)

// Object is the object that an element is, whose xsi:type is the type of the object. The package partnerapi says what of it stands
// where: nothing of it is lost, and nothing is refused.
func Object(e *soap.Element) *parleyv1.Object {
	o := &parleyv1.Object{Type: e.Type.Local}
	t := partnerapi.TypeOf(o.Type)
	m := newMembers(e, t)
	if t.IsExtension() {
		m.mark = partnerapi.AttributeMark
	}
	m.attributes(e)
	for i := range e.Children {
		c := &e.Children[i]
		if field := fieldOf(o, t, c.Name.Local); field != nil && *field == "" && isPlain(c) {
			*field = c.Value()
			continue
		}
		if c.Name.Local == partnerapi.Properties && t.IsExtension() && areColumns(c) {
			m.columns(c)
			continue
		}
		m.element(c)
	}
	m.text(e)
	if len(m.all) > 0 {
		o.Properties = m.append(nil)
	}
	return o
}

// Members are the attributes and the elements in an element as a JSON object, as those of a type of the schema.
func Members(e *soap.Element, declared string) []byte {
	m := newMembers(e, partnerapi.Lookup(declared))
	m.attributes(e)
	m.elements(e)
	return m.append(nil)
}

// fieldOf is where an object has a member that every object has a place for; nil: it is another one.
func fieldOf(o *parleyv1.Object, t *partnerapi.Type, member string) *string {
	switch member {
	case partnerapi.PartnerKey:
		return &o.PartnerKey
	case partnerapi.ID:
		return &o.Id
	case partnerapi.ObjectID:
		return &o.ObjectId
	case partnerapi.CustomerKey:
		return &o.CustomerKey
	case partnerapi.CorrelationID:
		return &o.CorrelationId
	case partnerapi.SubscriberKey:
		if _, ok := t.Member(member); ok {
			return &o.SubscriberKey
		}
	}
	return nil
}

// isPlain says whether an element has text only. One that is nil has none.
func isPlain(e *soap.Element) bool { return len(e.Children) == 0 && len(e.Attrs) == 0 }

// areColumns says whether each element in Properties has the name of a column, and a value or none, and nothing else.
func areColumns(e *soap.Element) bool {
	if len(e.Attrs) > 0 || e.Nil || e.Value() != "" {
		return false
	}
	for i := range e.Children {
		if !isColumn(&e.Children[i]) {
			return false
		}
	}
	return true
}

func isColumn(e *soap.Element) bool {
	if e.Name.Local != partnerapi.Property || len(e.Attrs) > 0 || e.Nil || e.Value() != "" {
		return false
	}
	if e.Type.Local != "" && !partnerapi.Lookup(e.Type.Local).Is("APIProperty") {
		return false
	}
	var names, values int
	for i := range e.Children {
		c := &e.Children[i]
		switch {
		case !isPlain(c):
			return false
		case c.Name.Local == partnerapi.Name:
			names++
		case c.Name.Local == partnerapi.Value:
			values++
		default:
			return false
		}
	}
	name := e.Child(partnerapi.Name).Value()
	return names == 1 && values <= 1 && name != "" && name[:1] != partnerapi.AttributeMark
}
