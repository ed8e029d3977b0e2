package reference

import (
	"fmt"
	"html/template"
	"path"
	"strings"
)

// Schema is an object with members, a word of a list, or something that a description says enough of.
type Schema struct {
	Name        string
	Type        template.HTML
	Description template.HTML
	Members     []Member
}

// Member is a member of an object.
type Member struct {
	Name        string
	Required    bool
	Type        template.HTML
	Description template.HTML
}

func (r reader) schema(name string, n node) Schema {
	s := Schema{Name: name, Type: r.typeOf(n), Description: prose(n.text("description"))}
	required := make(map[string]bool)
	for _, m := range n.get("required").items() {
		required[m.scalar()] = true
	}
	for _, m := range n.get("properties").members() {
		s.Members = append(s.Members, Member{
			Name: m.name, Required: required[m.name], Type: r.typeOf(m.value), Description: prose(m.value.text("description")),
		})
	}
	return s
}

// explained reports whether there is more to say of a schema than its type.
func explained(n node) bool { return n.has("properties") || n.has("enum") || n.has("description") }

// typeOf says in words what values a schema allows. A null is not mentioned: it is as good as nothing at all.
func (r reader) typeOf(n node) template.HTML {
	if ref := n.text("$ref"); ref != "" {
		return r.named(path.Base(ref))
	}
	for _, choice := range []string{"oneOf", "anyOf"} {
		if n.has(choice) {
			return r.oneOf(n.get(choice).items())
		}
	}
	if n.has("const") {
		return code(n.text("const"))
	}
	if n.has("enum") {
		var values []template.HTML
		for _, v := range n.get("enum").items() {
			if v.scalar() != "" && v.Tag != "!!null" {
				values = append(values, code(v.scalar()))
			}
		}
		return join(values, ", ")
	}
	kind := n.text("type")
	for _, k := range n.get("type").items() {
		if k.scalar() != "null" {
			kind = k.scalar()
		}
	}
	if kind == "array" {
		return "array of " + r.typeOf(n.get("items")) + bounds(n, "minItems", "maxItems", " items")
	}
	out := template.HTML(template.HTMLEscapeString(kind)) //nolint:gosec // escaped
	if format := n.text("format"); format != "" {
		out += " (" + template.HTML(template.HTMLEscapeString(format)) + ")" //nolint:gosec // escaped
	}
	out += bounds(n, "minimum", "maximum", "") + bounds(n, "minLength", "maxLength", " characters")
	if value := n.text("default"); value != "" {
		out += ", default " + code(value)
	}
	return out
}

// named links to the table of a schema, or says what the schema is if it has none.
func (r reader) named(name string) template.HTML {
	n := r.root.get("components").get("schemas").get(name)
	if explained(n) {
		escaped := template.HTMLEscapeString(name)
		return template.HTML(fmt.Sprintf(`<a href="#schema-%s">%s</a>`, escaped, escaped)) //nolint:gosec // escaped
	}
	return r.typeOf(n)
}

func (r reader) oneOf(choices []node) template.HTML {
	var all []template.HTML
	for _, c := range choices {
		if c.text("type") != "null" {
			all = append(all, r.typeOf(c))
		}
	}
	return join(all, " or ")
}

// bounds says from what to what; nothing when neither is given.
func bounds(n node, least, most, of string) template.HTML {
	from, to := template.HTMLEscapeString(n.text(least)), template.HTMLEscapeString(n.text(most))
	switch {
	case from != "" && to != "":
		return template.HTML(fmt.Sprintf(", %s to %s%s", from, to, of)) //nolint:gosec // escaped
	case from != "":
		return template.HTML(fmt.Sprintf(", at least %s%s", from, of)) //nolint:gosec // escaped
	case to != "":
		return template.HTML(fmt.Sprintf(", at most %s%s", to, of)) //nolint:gosec // escaped
	}
	return ""
}

func join(parts []template.HTML, by string) template.HTML {
	all := make([]string, len(parts))
	for i, p := range parts {
		all[i] = string(p)
	}
	return template.HTML(strings.Join(all, by)) //nolint:gosec // made of escaped parts
}
