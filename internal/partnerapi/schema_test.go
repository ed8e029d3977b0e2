package partnerapi_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"parley/internal/partnerapi"
	"parley/schemas"
)

// The table says what the WSDL says, member by member: what stands in a type that has a name, read without looking at what it is in.
func TestTableIsTheWSDL(t *testing.T) {
	t.Parallel()
	own, bases := declared(t)
	if len(own) < 230 {
		t.Fatalf("the WSDL has %d types", len(own))
	}
	for name, want := range own {
		of := partnerapi.Lookup(name)
		if of == nil {
			t.Errorf("the table has no %s", name)
			continue
		}
		inherited := 0
		if base := partnerapi.Lookup(bases[name]); base != nil {
			inherited = len(base.Members)
		}
		if base := of.Base; (base == nil) != (bases[name] == "") || base != nil && base.Name != bases[name] {
			t.Errorf("%s extends %v, want %q", name, base, bases[name])
		}
		var got []string
		for _, m := range of.Members[inherited:] {
			got = append(got, fmt.Sprintf("%s %s %d %d %t", m.Name, m.Type.Name, m.Min, m.Max, m.Nillable))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s has\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// declared are the members that each type adds to its base, as the WSDL has them, and the bases.
func declared(t *testing.T) (own map[string][]string, bases map[string]string) {
	t.Helper()
	own, bases = map[string][]string{}, map[string]string{}
	d := xml.NewDecoder(strings.NewReader(schemas.PartnerAPI()))
	var in []string // complexTypes and choices that are open; "" for one without a name
	optional := 0   // choices that are open
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return own, bases
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			a := map[string]string{"minOccurs": "1", "maxOccurs": "1"}
			for _, attr := range token.Attr {
				a[attr.Name.Local] = attr.Value
			}
			switch token.Name.Local {
			case "complexType":
				in = append(in, a["name"])
				if a["name"] != "" && a["name"] != "APIFault" {
					own[a["name"]] = nil
				}
			case "choice":
				optional++
			case "extension":
				bases[in[len(in)-1]] = strings.TrimPrefix(a["base"], "tns:")
			case "element":
				if len(in) == 0 || in[len(in)-1] == "" || in[len(in)-1] == "APIFault" {
					continue
				}
				least, most := a["minOccurs"], strings.Replace(a["maxOccurs"], "unbounded", "-1", 1)
				if optional > 0 {
					least = "0"
				}
				_, typeName, _ := strings.Cut(a["type"], ":")
				own[in[len(in)-1]] = append(own[in[len(in)-1]], fmt.Sprintf("%s %s %s %s %t", a["name"], typeName, least, most, a["nillable"] == "true"))
			}
		case xml.EndElement:
			switch token.Name.Local {
			case "complexType":
				in = in[:len(in)-1]
			case "choice":
				optional--
			}
		}
	}
}

// The schema of fault details in the WSDL is the one that is served by itself.
func TestFaultSchemas(t *testing.T) {
	t.Parallel()
	const begin, end = `<xs:element name="apifault"`, `</xs:schema>`
	cut := func(text string) string {
		_, rest, _ := strings.Cut(text, begin)
		inner, _, ok := strings.Cut(rest, end)
		if !ok {
			t.Fatalf("no schema of fault details in\n%.500s", text)
		}
		return strings.Join(strings.Fields(inner), " ")
	}
	if inside, alone := cut(schemas.PartnerAPI()), cut(schemas.PartnerAPIFault()); inside != alone {
		t.Errorf("in the WSDL\n%s\nalone\n%s", inside, alone)
	}
	if n := strings.Count(schemas.PartnerAPI(), schemas.PartnerAPIAddress); n != 1 {
		t.Errorf("the WSDL has its address %d times", n)
	}
}
