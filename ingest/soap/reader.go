package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// What a document may have, whoever it is from. How many bytes it may have, whoever reads it from the network says.
const (
	// DepthMax bounds how deep elements are nested in each other.
	DepthMax = 64
	// ElementsMax bounds the elements of a document.
	ElementsMax = 100_000
	// AttributesMax bounds the attributes of an element, and the namespaces that are declared around one.
	AttributesMax = 64
	// NameBytesMax bounds a name, with its prefix.
	NameBytesMax = 256
)

// Namespaces that XML itself knows.
const (
	xmlNamespace    = "http://www.w3.org/XML/1998/namespace"
	xmlnsNamespace  = "http://www.w3.org/2000/xmlns/"
	schemaInstance  = "http://www.w3.org/2001/XMLSchema-instance"
	xmlnsPrefix     = "xmlns"
	declarationName = "xml"
)

// binding is a namespace that a prefix stands for; "" is the prefix of names without one.
type binding struct{ prefix, namespace string }

// frame is an element that has begun and not ended.
type frame struct {
	element *Element
	// name is how the document writes it.
	name xml.Name
	// bindings is how many were in scope around it.
	bindings int
	// pieces are the texts directly in it, when there is more than one: elements, comments and CDATA stand between them.
	pieces []byte
}

// reader reads a document as a tree. It is stricter than encoding/xml, whose RawToken it builds on: that splits text into
// well-formed tokens, and leaves to the reader whether tags match, prefixes are bound, and attributes occur once. Token, which
// does the first of these, takes an unbound prefix for a namespace.
type reader struct {
	xml      *xml.Decoder
	open     []frame
	bindings []binding
	elements int
	// begun is set behind the first token.
	begun bool
	root  *Element
	// mark is called when an element has begun or ended: how many are open around it, and where its tag begins and ends.
	mark func(e *Element, around int, begin, end int64)
}

// readDocument reads a document in UTF-8. It has no DTD, so no entities but the five of XML itself, and no processing
// instructions (SOAP 1.1, section 3).
func readDocument(text []byte, mark func(e *Element, around int, begin, end int64)) (*Element, error) {
	r := &reader{xml: xml.NewDecoder(bytes.NewReader(text)), mark: mark, bindings: []binding{{"xml", xmlNamespace}}}
	r.xml.CharsetReader = func(_ string, rest io.Reader) (io.Reader, error) { return rest, nil } // it is UTF-8, whatever it says
	for {
		begin := r.xml.InputOffset()
		if crowded(text[begin:]) {
			line, column := r.xml.InputPos()
			return nil, fmt.Errorf("line %d, column %d: an element has more than %d attributes", line, column, AttributesMax)
		}
		t, err := r.xml.RawToken()
		if errors.Is(err, io.EOF) {
			return r.end()
		}
		if err == nil {
			err = r.token(t, begin)
		}
		if err != nil {
			line, column := r.xml.InputPos()
			if s, ok := errors.AsType[*xml.SyntaxError](err); ok {
				err = errors.New(s.Msg)
			}
			return nil, fmt.Errorf("line %d, column %d: %w", line, column, err)
		}
		r.begun = true
	}
}

// crowded says whether a text begins with a tag of more than AttributesMax attributes. It is asked before RawToken, which keeps all
// of them, some dozens of bytes for each, before anybody can count them. Each has a value in quotes, or the tag is refused.
func crowded(text []byte) bool {
	if len(text) < 2 || text[0] != '<' || text[1] == '!' || text[1] == '?' {
		return false
	}
	var quote byte // around the value that c is in; 0: c is in none
	values := 0
	for _, c := range text[1:] {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '>':
			return false
		case c == '"' || c == '\'':
			if values++; values > AttributesMax {
				return true
			}
			quote = c
		}
	}
	return false
}

func (r *reader) end() (*Element, error) {
	if len(r.open) > 0 {
		return nil, fmt.Errorf("the document ends within the element %s", qualified(r.open[len(r.open)-1].name))
	}
	if r.root == nil {
		return nil, errors.New("the document has no element")
	}
	return r.root, nil
}

func (r *reader) token(t xml.Token, begin int64) error {
	switch t := t.(type) {
	case xml.StartElement:
		return r.start(t, begin)
	case xml.EndElement:
		return r.stop(t, begin)
	case xml.CharData:
		return r.text(t)
	case xml.Directive:
		return errors.New("there is a DOCTYPE, or another declaration of a DTD: a SOAP message has none (SOAP 1.1, section 3)")
	case xml.ProcInst:
		if r.begun || t.Target != declarationName {
			return fmt.Errorf("there is a processing instruction, %.40q: a SOAP message has none (SOAP 1.1, section 3)", t.Target)
		}
	}
	return nil // a comment
}

func (r *reader) start(t xml.StartElement, begin int64) error {
	if r.elements++; r.elements > ElementsMax {
		return fmt.Errorf("there are more than %d elements", ElementsMax)
	}
	if len(r.open) >= DepthMax {
		return fmt.Errorf("elements are nested more than %d deep", DepthMax)
	}
	e, err := r.place()
	if err != nil {
		return err
	}
	f := frame{element: e, name: t.Name, bindings: len(r.bindings)}
	if err := r.declare(t.Attr); err != nil {
		return err
	}
	if e.Name, err = r.resolve(t.Name); err != nil {
		return err
	}
	if err := r.attributes(e, t.Attr); err != nil {
		return fmt.Errorf("element %s: %w", qualified(t.Name), err)
	}
	r.mark(e, len(r.open), begin, r.xml.InputOffset())
	r.open = append(r.open, f)
	return nil
}

// place is where the next element stands.
func (r *reader) place() (*Element, error) {
	if len(r.open) > 0 {
		parent := r.open[len(r.open)-1].element
		parent.Children = append(parent.Children, Element{})
		return &parent.Children[len(parent.Children)-1], nil
	}
	if r.root != nil {
		return nil, errors.New("there is a second element beside the first")
	}
	r.root = new(Element)
	return r.root, nil
}

func (r *reader) stop(t xml.EndElement, begin int64) error {
	if len(r.open) == 0 {
		return fmt.Errorf("the element %s ends, and has not begun", qualified(t.Name))
	}
	last := r.open[len(r.open)-1]
	if last.name != t.Name {
		return fmt.Errorf("the element %s ends as %s", qualified(last.name), qualified(t.Name))
	}
	if len(last.pieces) > 0 {
		last.element.Text = string(last.pieces)
	}
	r.open, r.bindings = r.open[:len(r.open)-1], r.bindings[:last.bindings]
	r.mark(last.element, len(r.open), begin, r.xml.InputOffset())
	return nil
}

func (r *reader) text(t xml.CharData) error {
	if len(r.open) > 0 {
		r.open[len(r.open)-1].text(t)
		return nil
	}
	if len(bytes.TrimSpace(t)) > 0 {
		return errors.New("there is text outside of the element")
	}
	return nil
}

func (f *frame) text(t []byte) {
	if f.element.Text == "" {
		f.element.Text = string(t)
		return
	}
	if len(f.pieces) == 0 {
		f.pieces = append(f.pieces, f.element.Text...)
	}
	f.pieces = append(f.pieces, t...)
}

// declare takes note of the namespaces that an element declares (Namespaces in XML 1.0, section 3).
func (r *reader) declare(attributes []xml.Attr) error {
	for _, a := range attributes {
		prefix, ok := declares(a.Name)
		if !ok {
			continue
		}
		switch {
		case prefix == "xml" && a.Value == xmlNamespace:
			continue
		case prefix == "xml", prefix == xmlnsPrefix, a.Value == xmlNamespace, a.Value == xmlnsNamespace:
			return fmt.Errorf("%s=%.80q is not allowed", qualified(a.Name), a.Value)
		case prefix != "" && a.Value == "":
			return fmt.Errorf("the prefix %.80q is declared without a namespace", prefix)
		case len(r.bindings) > AttributesMax:
			return fmt.Errorf("more than %d namespaces are declared around an element", AttributesMax)
		}
		r.bindings = append(r.bindings, binding{prefix, a.Value})
	}
	return nil
}

// declares is the prefix that an attribute declares, "" for that of names without one.
func declares(name xml.Name) (prefix string, ok bool) {
	if name.Space == xmlnsPrefix {
		return name.Local, true
	}
	return "", name.Space == "" && name.Local == xmlnsPrefix
}

// resolve is the name of an element or a type with its namespace, the default one if it has no prefix. Attributes without a
// prefix have no namespace.
func (r *reader) resolve(name xml.Name) (xml.Name, error) {
	if len(name.Space)+len(name.Local) >= NameBytesMax {
		return name, fmt.Errorf("the name %.40s… has more than %d bytes", qualified(name), NameBytesMax)
	}
	if name.Local == "" || strings.Contains(name.Local, ":") {
		return name, fmt.Errorf("%.80q is not a name", qualified(name))
	}
	for _, b := range slices.Backward(r.bindings) {
		if b.prefix == name.Space {
			return xml.Name{Space: b.namespace, Local: name.Local}, nil
		}
	}
	if name.Space == "" {
		return name, nil
	}
	return name, fmt.Errorf("the prefix of %.80s is bound to no namespace", qualified(name))
}

func (r *reader) attributes(e *Element, all []xml.Attr) error {
	for i, a := range all {
		for _, before := range all[:i] {
			if before.Name == a.Name {
				return fmt.Errorf("it has the attribute %s twice", qualified(a.Name))
			}
		}
		if _, ok := declares(a.Name); ok {
			continue
		}
		name, err := r.resolve(a.Name)
		if err != nil {
			return err
		}
		if a.Name.Space == "" {
			name.Space = ""
		}
		if name.Space == schemaInstance {
			if err := r.instance(e, name.Local, strings.TrimSpace(a.Value)); err != nil {
				return err
			}
			continue
		}
		if slices.ContainsFunc(e.Attrs, func(before xml.Attr) bool { return before.Name == name }) { // by another prefix
			return fmt.Errorf("it has the attribute %s twice", qualified(a.Name))
		}
		e.Attrs = append(e.Attrs, xml.Attr{Name: name, Value: a.Value})
	}
	return nil
}

// instance reads an attribute of XML Schema's own (XML Schema part 1, section 2.6).
func (r *reader) instance(e *Element, name, value string) error {
	switch name {
	case "type":
		var of xml.Name
		if prefix, local, ok := strings.Cut(value, ":"); ok {
			of = xml.Name{Space: prefix, Local: local}
		} else {
			of = xml.Name{Local: value}
		}
		resolved, err := r.resolve(of)
		if err != nil {
			return fmt.Errorf("xsi:type: %w", err)
		}
		e.Type = resolved
	case "nil":
		e.Nil = value == "true" || value == "1"
	}
	return nil
}

// qualified is a name as a document writes it.
func qualified(name xml.Name) string {
	if name.Space == "" {
		return name.Local
	}
	return name.Space + ":" + name.Local
}
