package reference

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// node is a value of the document; the zero node is one that is not there, and has nothing.
type node struct{ *yaml.Node }

type member struct {
	name  string
	value node
}

// members are those of a mapping, in order.
func (n node) members() []member {
	if n.Node == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	all := make([]member, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		all = append(all, member{n.Content[i].Value, node{n.Content[i+1]}})
	}
	return all
}

// items are those of a sequence.
func (n node) items() []node {
	if n.Node == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	all := make([]node, len(n.Content))
	for i, c := range n.Content {
		all[i] = node{c}
	}
	return all
}

func (n node) get(name string) node {
	for _, m := range n.members() {
		if m.name == name {
			return m.value
		}
	}
	return node{}
}

func (n node) has(name string) bool { return n.get(name).Node != nil }

// text is the scalar at a name; empty: there is none.
func (n node) text(name string) string { return n.get(name).scalar() }

func (n node) scalar() string {
	if n.Node == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// at is what a reference inside the document stands for.
func (n node) at(ref string) node {
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		n = n.get(strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	}
	return n
}
