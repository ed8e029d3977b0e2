package reference

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// example is a value as indented JSON, its members in the order in which they stand in the document.
func example(n node) (string, error) {
	var b strings.Builder
	if err := write(jsontext.NewEncoder(&b, jsontext.WithIndent("  ")), n); err != nil {
		return "", fmt.Errorf("write example: %w", err)
	}
	return strings.TrimSpace(b.String()), nil
}

func write(e *jsontext.Encoder, n node) error {
	open, end := jsontext.BeginObject, jsontext.EndObject
	if n.items() != nil {
		open, end = jsontext.BeginArray, jsontext.EndArray
	} else if n.members() == nil {
		var v any
		if err := n.Decode(&v); err != nil {
			return err
		}
		return json.MarshalEncode(e, v)
	}
	if err := e.WriteToken(open); err != nil {
		return err
	}
	for _, m := range n.members() {
		if err := e.WriteToken(jsontext.String(m.name)); err != nil {
			return err
		}
		if err := write(e, m.value); err != nil {
			return err
		}
	}
	for _, item := range n.items() {
		if err := write(e, item); err != nil {
			return err
		}
	}
	return e.WriteToken(end)
}
