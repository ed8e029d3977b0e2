package grants

import (
	"fmt"
	"slices"
	"strings"
)

// Commands are those of kafka-acls.sh that give a principal its grants, one for each resource.
func Commands(principal string, all []Grant) []string {
	var commands []string
	for i, g := range all {
		if slices.ContainsFunc(all[:i], g.on) {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "kafka-acls.sh --add --allow-principal %s", quote(principal))
		for _, other := range all[i:] {
			if other.on(g) {
				fmt.Fprintf(&b, " --operation %s", other.Operation)
			}
		}
		fmt.Fprintf(&b, " --%s", g.Kind)
		if g.Kind != Cluster { // there is but one
			b.WriteString(" " + quote(g.Name))
		}
		if g.Prefixed {
			b.WriteString(" --resource-pattern-type prefixed")
		}
		commands = append(commands, b.String())
	}
	return commands
}

// quote makes one word for a shell of what may have spaces in it, as a principal that is the name in a certificate.
func quote(s string) string {
	if !strings.ContainsAny(s, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
