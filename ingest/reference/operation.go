package reference

import (
	"fmt"
	"html/template"
	"strings"
)

// Operation is a method at a path.
type Operation struct {
	ID, Method, Path string
	Summary          string
	Description      template.HTML
	// Scope is what an API key must have; empty: no key is asked for.
	Scope      string
	Parameters []Parameter
	Bodies     []Body
	Answers    []Answer
	// Example is the body of an example, indented; empty: there is none.
	Example string
}

// Parameter is one of a path, a query or a header.
type Parameter struct {
	Name, In    string
	Required    bool
	Type        template.HTML
	Description template.HTML
}

// Body is what is sent or answered as a media type.
type Body struct {
	Media string
	Type  template.HTML
}

// Answer is a status, and what is answered with it.
type Answer struct {
	Status      string
	Description template.HTML
	Bodies      []Body
	Headers     []Parameter
}

func (r reader) operations(section, tag string) ([]Operation, error) {
	var all []Operation
	for _, path := range r.root.get(section).members() {
		for _, method := range path.value.members() {
			for _, t := range method.value.get("tags").items() {
				if t.scalar() != tag {
					continue
				}
				o, err := r.operation(path.name, method.name, method.value)
				if err != nil {
					return nil, fmt.Errorf("%s %s: %w", method.name, path.name, err)
				}
				all = append(all, o)
			}
		}
	}
	return all, nil
}

func (r reader) operation(path, method string, n node) (_ Operation, err error) {
	o := Operation{
		ID: n.text("operationId"), Method: strings.ToUpper(method), Path: path,
		Summary: n.text("summary"), Description: prose(n.text("description")),
	}
	for _, s := range n.get("security").items() {
		for _, scope := range s.get("apiKey").items() {
			o.Scope = scope.scalar()
		}
	}
	for _, p := range n.get("parameters").items() {
		p = r.resolve(p)
		o.Parameters = append(o.Parameters, r.parameter(p.text("name"), p))
	}
	body := r.resolve(n.get("requestBody"))
	o.Bodies = r.bodies(body)
	for _, media := range body.get("content").members() {
		if o.Example == "" && media.value.has("example") {
			if o.Example, err = example(media.value.get("example")); err != nil {
				return o, err
			}
		}
	}
	for _, a := range n.get("responses").members() {
		answer := r.resolve(a.value)
		shown := Answer{Status: a.name, Description: prose(answer.text("description")), Bodies: r.bodies(answer)}
		for _, h := range answer.get("headers").members() {
			shown.Headers = append(shown.Headers, r.parameter(h.name, r.resolve(h.value)))
		}
		o.Answers = append(o.Answers, shown)
	}
	return o, nil
}

func (r reader) parameter(name string, n node) Parameter {
	return Parameter{
		Name: name, In: n.text("in"), Required: n.text("required") == "true",
		Type: r.typeOf(n.get("schema")), Description: prose(n.text("description")),
	}
}

func (r reader) bodies(n node) []Body {
	var all []Body
	for _, m := range n.get("content").members() {
		all = append(all, Body{Media: m.name, Type: r.typeOf(m.value.get("schema"))})
	}
	return all
}
