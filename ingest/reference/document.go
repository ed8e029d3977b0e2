package reference

import (
	"errors"
	"fmt"
	"html/template"

	"go.yaml.in/yaml/v3"
)

// Document is what a page prints of an OpenAPI document, in the order in which it stands there.
type Document struct {
	Groups  []Group
	Schemas []Schema
}

// Group is the operations of a tag.
type Group struct {
	Name        string
	Description template.HTML
	Operations  []Operation
}

// Read reads a document in YAML.
func Read(text []byte) (Document, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return Document{}, fmt.Errorf("parse document: %w", err)
	}
	if len(root.Content) == 0 {
		return Document{}, errors.New("parse document: it is empty")
	}
	r := reader{root: node{root.Content[0]}}
	var d Document
	for _, t := range r.root.get("tags").items() {
		g := Group{Name: t.text("name"), Description: prose(t.text("description"))}
		for _, section := range []string{"paths", "webhooks"} {
			operations, err := r.operations(section, g.Name)
			if err != nil {
				return Document{}, fmt.Errorf("read %s: %w", section, err)
			}
			g.Operations = append(g.Operations, operations...)
		}
		if len(g.Operations) > 0 {
			d.Groups = append(d.Groups, g)
		}
	}
	for _, s := range r.root.get("components").get("schemas").members() {
		if explained(s.value) {
			d.Schemas = append(d.Schemas, r.schema(s.name, s.value))
		}
	}
	return d, nil
}

// reader finds what a document refers to.
type reader struct{ root node }

// resolve returns what a reference stands for, or n itself.
func (r reader) resolve(n node) node {
	if ref := n.text("$ref"); ref != "" {
		return r.root.at(ref)
	}
	return n
}
