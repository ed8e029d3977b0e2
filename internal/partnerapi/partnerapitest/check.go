// Package partnerapitest checks what is written against the schema of the partner API, as strictly as the strictest of its clients:
// names, their order, how often each stands there, types, words and numbers.
package partnerapitest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/internal/partnerapi"
)

const instance = "http://www.w3.org/2001/XMLSchema-instance"

// element is one of a document.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

// Check says what in a document is not as the schema has it. The document is an element of the schema, or an envelope around one. A
// fault has nothing that could be checked.
func Check(document []byte) error {
	d := xml.NewDecoder(strings.NewReader(string(document)))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return errors.New("there is no element of the schema in it")
		}
		if err != nil {
			return fmt.Errorf("read XML: %w", err)
		}
		start, ok := token.(xml.StartElement)
		if ok && start.Name.Local == "Fault" {
			return nil
		}
		if !ok || start.Name.Space != partnerapi.Namespace {
			continue
		}
		var e element
		if err := d.DecodeElement(&e, &start); err != nil {
			return fmt.Errorf("read XML: %w", err)
		}
		t := partnerapi.Message(e.XMLName.Local)
		if t == nil {
			return fmt.Errorf("the schema has no element %s", e.XMLName.Local)
		}
		var c check
		c.element(e.XMLName.Local, &e, partnerapi.Member{Name: e.XMLName.Local, Type: t, Min: 1, Max: 1})
		return errors.Join(c.wrong...)
	}
}

// check collects what is wrong.
type check struct{ wrong []error }

func (c *check) fault(path, format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

// element checks an element that is declared as m.
func (c *check) element(path string, e *element, m partnerapi.Member) {
	t, isNil := c.attributes(path, e, m)
	switch {
	case isNil:
		if !m.Nillable {
			c.fault(path, "it may not be nil")
		}
		if len(e.Children) > 0 || e.Text != "" {
			c.fault(path, "it is nil and holds something")
		}
	case t.Abstract:
		c.fault(path, "%s is abstract: it wants the xsi:type of one that extends it", t.Name)
	case t.Kind == partnerapi.Complex:
		c.members(path, e, t)
	case len(e.Children) > 0:
		c.fault(path, "it holds elements")
	default:
		c.text(path, e.Text, t)
	}
}

// attributes are the type that an element names, or the declared one, and whether it is nil.
func (c *check) attributes(path string, e *element, m partnerapi.Member) (t *partnerapi.Type, isNil bool) {
	t = m.Type
	for _, a := range e.Attrs {
		switch {
		case a.Name == xml.Name{Space: instance, Local: "nil"}:
			isNil = a.Value == "true"
		case a.Name == xml.Name{Space: instance, Local: "type"}:
			named := partnerapi.Lookup(a.Value) // with a prefix it is not found: no client is sent one
			if named == nil || !named.Is(m.Type.Name) {
				c.fault(path, "%s is no type that extends %s", a.Value, m.Type.Name)
				continue
			}
			t = named
		case a.Name.Space == "xmlns" || a.Name.Local == "xmlns":
		default:
			c.fault(path, "there is no attribute %s", a.Name.Local)
		}
	}
	return t, isNil
}

// members checks that elements are those of t, in its order.
func (c *check) members(path string, e *element, t *partnerapi.Type) {
	if strings.TrimSpace(e.Text) != "" {
		c.fault(path, "it holds text %q", e.Text)
	}
	counts := make([]int, len(t.Members))
	at := 0
	for i := range e.Children {
		child := &e.Children[i]
		below := path + "/" + child.XMLName.Local
		if child.XMLName.Space != partnerapi.Namespace {
			c.fault(below, "its namespace is %q", child.XMLName.Space)
		}
		place := slices.IndexFunc(t.Members, func(m partnerapi.Member) bool { return m.Name == child.XMLName.Local })
		if place < 0 {
			c.fault(below, "%s has no such member", t.Name)
			continue
		}
		if place < at {
			c.fault(below, "it stands behind %s", t.Members[at].Name)
		}
		at = max(at, place)
		counts[place]++
		c.element(fmt.Sprintf("%s[%d]", below, counts[place]), child, t.Members[place])
	}
	for i, m := range t.Members {
		if counts[i] < m.Min || m.Max >= 0 && counts[i] > m.Max {
			c.fault(path, "%s stands there %d times, from %d to %d is right", m.Name, counts[i], m.Min, m.Max)
		}
	}
}

// text checks that text is a value of t.
func (c *check) text(path, text string, t *partnerapi.Type) {
	ok := true
	switch t.Kind {
	case partnerapi.Text, partnerapi.Complex:
		ok = t.Words == nil || slices.Contains(t.Words, text)
	case partnerapi.Boolean:
		ok = slices.Contains([]string{"true", "false", "1", "0"}, text)
	case partnerapi.Whole:
		n, err := strconv.ParseInt(text, 10, 64)
		ok = err == nil && (t.Name != "int" || math.MinInt32 <= n && n <= math.MaxInt32)
	case partnerapi.Number:
		_, err := strconv.ParseFloat(text, 64)
		ok = err == nil
	case partnerapi.Time:
		_, zoned := time.Parse(time.RFC3339Nano, text)
		_, local := time.Parse("2006-01-02T15:04:05", text)
		ok = zoned == nil || local == nil
	}
	if !ok {
		c.fault(path, "%q is no %s", text, t.Name)
	}
}
