package route

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// place is one entry of the file, and the checker that is told what is wrong with it.
type place struct {
	*checker
	root  *yaml.Node
	index int
}

// refuse adds a problem of the member at a path inside the entry, as "executor", "url".
func (p place) refuse(path []string, format string, args ...any) {
	where := fmt.Sprintf("routes[%d]", p.index)
	if len(path) > 0 {
		where += "." + strings.Join(path, ".")
	}
	p.add(fmt.Sprintf("line %d: %s: %s", p.line(path), where, fmt.Sprintf(format, args...)))
}

// line is where the member at path stands, or the nearest thing around it that does.
func (p place) line(path []string) int {
	n, line := p.root, 1
	if len(n.Content) > 0 {
		n = n.Content[0]
	}
	if routes := member(n, "routes"); routes != nil && p.index < len(routes.Content) {
		n = routes.Content[p.index]
		line = n.Line
	}
	for _, name := range path {
		if n = member(n, name); n == nil {
			break
		}
		line = n.Line
	}
	return line
}

// member is the value of a member of a mapping; nil: there is none.
func member(n *yaml.Node, name string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}
