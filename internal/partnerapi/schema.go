package partnerapi

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"parley/schemas"
)

// schema is what a WSDL declares.
type schema struct {
	types    map[string]*Type
	elements map[string]*Type

	declared map[string]*complexType
}

// The parts of a WSDL that tell of types. Prefixes are those of schemas.PartnerAPI, which is ours.
type (
	definitions struct {
		Schemas []struct {
			Target   string        `xml:"targetNamespace,attr"`
			Elements []particle    `xml:"element"`
			Complex  []complexType `xml:"complexType"`
			Simple   []simpleType  `xml:"simpleType"`
		} `xml:"types>schema"`
	}
	complexType struct {
		Name      string     `xml:"name,attr"`
		Abstract  bool       `xml:"abstract,attr"`
		Sequence  *particle  `xml:"sequence"`
		Extension *extension `xml:"complexContent>extension"`
	}
	extension struct {
		Base     string    `xml:"base,attr"`
		Sequence *particle `xml:"sequence"`
	}
	// particle is an element, or a sequence or a choice of particles.
	particle struct {
		XMLName   xml.Name
		Name      string       `xml:"name,attr"`
		Type      string       `xml:"type,attr"`
		Min       *int         `xml:"minOccurs,attr"`
		Max       string       `xml:"maxOccurs,attr"`
		Nillable  bool         `xml:"nillable,attr"`
		Complex   *complexType `xml:"complexType"`
		Particles []particle   `xml:",any"`
	}
	simpleType struct {
		Name  string `xml:"name,attr"`
		Words []struct {
			Value string `xml:"value,attr"`
		} `xml:"restriction>enumeration"`
	}
)

// readSchema reads the schema. It panics when there is something in it that it does not know: the schema is ours.
func readSchema() *schema {
	var d definitions
	if err := xml.Unmarshal([]byte(schemas.PartnerAPI()), &d); err != nil {
		panic(fmt.Sprintf("read the schema of the partner API: %v", err))
	}
	s := &schema{types: map[string]*Type{}, elements: map[string]*Type{}, declared: map[string]*complexType{}}
	for _, in := range d.Schemas {
		if in.Target != Namespace {
			continue
		}
		for _, t := range in.Simple {
			out := &Type{Name: t.Name}
			for _, w := range t.Words {
				out.Words = append(out.Words, w.Value)
			}
			s.types[t.Name] = out
		}
		for i, t := range in.Complex {
			s.types[t.Name] = &Type{Name: t.Name, Abstract: t.Abstract, Kind: Complex}
			s.declared[t.Name] = &in.Complex[i]
		}
		for name := range s.declared {
			s.fill(s.types[name], s.declared[name])
		}
		for _, e := range in.Elements {
			s.elements[e.Name] = s.typeOf(e)
		}
	}
	return s
}

// fill gives a type its members, those of its base first.
func (s *schema) fill(t *Type, from *complexType) {
	if t.places != nil { // it has them: it is the base of one that was filled
		return
	}
	t.places = map[string]int{}
	own := from.Sequence
	if e := from.Extension; e != nil {
		name := strings.TrimPrefix(e.Base, "tns:")
		t.Base = s.types[name]
		s.fill(t.Base, s.declared[name])
		t.Members = slices.Clone(t.Base.Members)
		own = e.Sequence
	}
	if own != nil {
		t.Members = append(t.Members, s.members(own.Particles, 1)...)
	}
	for i, m := range t.Members {
		t.places[m.Name] = i
	}
}

// members are the elements of a sequence or a choice. least is 0 when they need not be there, whatever they say.
func (s *schema) members(all []particle, least int) []Member {
	var out []Member
	for _, p := range all {
		switch p.XMLName.Local {
		case "element":
			out = append(out, Member{Name: p.Name, Type: s.typeOf(p), Min: min(least, p.least()), Max: p.most(), Nillable: p.Nillable})
		case "sequence":
			out = append(out, s.members(p.Particles, min(least, p.least()))...)
		case "choice":
			out = append(out, s.members(p.Particles, 0)...)
		default:
			panic(fmt.Sprintf("the schema of the partner API has a %s where an element was expected", p.XMLName.Local))
		}
	}
	return out
}

// least and most are how often a particle stands there.
func (p particle) least() int {
	if p.Min == nil {
		return 1
	}
	return *p.Min
}

func (p particle) most() int {
	if p.Max == "unbounded" {
		return -1
	}
	return 1
}

// typeOf is the type of an element.
func (s *schema) typeOf(p particle) *Type {
	if p.Complex != nil {
		t := &Type{Kind: Complex}
		s.fill(t, p.Complex)
		return t
	}
	if name, ok := strings.CutPrefix(p.Type, "xs:"); ok {
		return builtin(name)
	}
	t := s.types[strings.TrimPrefix(p.Type, "tns:")]
	if t == nil {
		panic(fmt.Sprintf("the schema of the partner API has no type %q for %s", p.Type, p.Name))
	}
	return t
}

// builtin is a type of XML Schema's own.
func builtin(name string) *Type {
	t := &Type{Name: name}
	switch name {
	case "boolean":
		t.Kind = Boolean
	case "byte":
		t.Kind, t.bits = Whole, 8
	case "short":
		t.Kind, t.bits = Whole, 16
	case "int":
		t.Kind, t.bits = Whole, 32
	case "long", "integer":
		t.Kind, t.bits = Whole, 64
	case "double":
		t.Kind = Number
	case "dateTime":
		t.Kind = Time
	}
	return t
}
