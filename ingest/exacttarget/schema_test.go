package exacttarget

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
)

// element reads a body that uses no prefix but xsi.
func element(t testing.TB, text string) *soap.Element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	var stack []*soap.Element
	root := new(soap.Element)
	stack = append(stack, root)
	for {
		token, err := d.Token()
		if token == nil {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		top := stack[len(stack)-1]
		switch tok := token.(type) {
		case xml.StartElement:
			e := soap.Element{Name: tok.Name}
			for _, a := range tok.Attr {
				switch a.Name.Local {
				case "type":
					e.Type = xml.Name{Space: partnerapi.Namespace, Local: a.Value}
				case "nil":
					e.Nil = a.Value == "true"
				}
			}
			stack = append(stack, &e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
			parent := stack[len(stack)-1]
			parent.Children = append(parent.Children, *top)
		case xml.CharData:
			top.Text += string(tok)
		}
	}
	if len(root.Children) != 1 {
		t.Fatalf("%q is not one element", text)
	}
	return &root.Children[0]
}

// conforms fails the test unless an answer is as the schema has it: all members known, in its order, and as often as it wants them.
func conforms(t testing.TB, answer []byte) *soap.Element {
	t.Helper()
	e := element(t, string(answer))
	m := partnerapi.Message(e.Name.Local)
	if m == nil {
		t.Fatalf("%s is no message", e.Name.Local)
	}
	for _, wrong := range deviations(e, m) {
		t.Errorf("%s: %s", wrong, answer)
	}
	return e
}

func deviations(e *soap.Element, t *partnerapi.Type) []string {
	if named := partnerapi.Lookup(e.Type.Local); named != nil {
		if !named.Is(t.Name) {
			return []string{fmt.Sprintf("%s is no %s", named.Name, t.Name)}
		}
		t = named
	}
	if t.Words != nil && !slices.Contains(t.Words, e.Text) {
		return []string{fmt.Sprintf("%s: %q is none of %v", e.Name.Local, e.Text, t.Words)}
	}
	var wrong []string
	last := -1
	count := map[string]int{}
	for i := range e.Children {
		c := &e.Children[i]
		at := slices.IndexFunc(t.Members, func(m partnerapi.Member) bool { return m.Name == c.Name.Local })
		if at < last {
			wrong = append(wrong, fmt.Sprintf("%s in %s is not known, or out of order", c.Name.Local, e.Name.Local))
			continue
		}
		last = at
		count[c.Name.Local]++
		if m := t.Members[at]; !c.Nil {
			wrong = append(wrong, deviations(c, m.Type)...)
		} else if !m.Nillable {
			wrong = append(wrong, c.Name.Local+" is nil")
		}
	}
	for _, m := range t.Members {
		if n := count[m.Name]; n < m.Min || m.Max >= 0 && n > m.Max {
			wrong = append(wrong, fmt.Sprintf("%d times %s in %s", n, m.Name, e.Name.Local))
		}
	}
	return wrong
}
