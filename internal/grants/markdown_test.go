package grants

import (
	"fmt"
	"strings"
)

// Markdown is a table of all roles.
func (p Parley) Markdown() string {
	var b strings.Builder
	b.WriteString("| role | resource | may | for |\n|---|---|---|---|\n")
	for _, role := range Roles() {
		for _, g := range p.For(role) {
			name := g.Name
			if g.Prefixed {
				name += "*"
			}
			fmt.Fprintf(&b, "| %s | %s `%s` | %s | %s |\n", role, g.Kind, name, g.Operation, g.Why)
		}
	}
	return b.String()
}
