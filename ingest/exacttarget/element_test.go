package exacttarget_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// element reads an element of the partner API, with prefixes as clients have them.
func element(t *testing.T, text string) soap.Element {
	t.Helper()
	const instance = "http://www.w3.org/2001/XMLSchema-instance"
	d := xml.NewDecoder(strings.NewReader(`<all xmlns="` + partnerapi.Namespace + `" xmlns:par="` + partnerapi.Namespace + `" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="` + instance + `">` + text + `</all>`))
	var stack []soap.Element
	for {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := soap.Element{Name: token.Name}
			for _, a := range token.Attr {
				switch a.Name {
				case xml.Name{Space: instance, Local: "type"}:
					prefix, local, found := strings.Cut(a.Value, ":")
					e.Type = xml.Name{Space: partnerapi.Namespace, Local: local}
					if !found {
						e.Type.Local = prefix
					} else if prefix == "xsd" {
						e.Type.Space = "http://www.w3.org/2001/XMLSchema"
					}
				case xml.Name{Space: instance, Local: "nil"}:
					e.Nil = true
				default:
					e.Attrs = append(e.Attrs, a)
				}
			}
			stack = append(stack, e)
		case xml.CharData:
			stack[len(stack)-1].Text += string(token)
		case xml.EndElement:
			e := stack[len(stack)-1]
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				return e.Children[0]
			}
			around := &stack[len(stack)-1]
			around.Children = append(around.Children, e)
		}
	}
}

// sameContent says whether calls of one object ask for the same.
func sameContent(t *testing.T, x, y *parleyv1.Object) bool {
	t.Helper()
	var contents [2]uint64
	for i, o := range []*parleyv1.Object{x, y} {
		var err error
		if contents[i], err = schemas.Content(&parleyv1.Call{Objects: []*parleyv1.Object{o}}); err != nil {
			t.Fatalf("%s: %v", o, err)
		}
	}
	return contents[0] == contents[1]
}
