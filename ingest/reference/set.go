package reference

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Set returns a document in YAML with numbers in the place of those at JSON pointers. A document that has them all is
// returned as it is.
func Set(text []byte, numbers map[string]int64) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("parse document: %w", err)
	}
	changed := false
	for _, pointer := range slices.Sorted(maps.Keys(numbers)) {
		at := find(&root, pointer)
		if at == nil || at.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("set %s: the document has no number there", pointer)
		}
		if value := strconv.FormatInt(numbers[pointer], 10); at.Value != value {
			at.Value, changed = value, true
		}
	}
	if !changed {
		return text, nil
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&root); err != nil {
		return nil, fmt.Errorf("write document: %w", err)
	}
	return out.Bytes(), nil
}

// find returns what stands at a JSON pointer; nil: nothing does.
func find(root *yaml.Node, pointer string) *yaml.Node {
	if len(root.Content) == 0 {
		return nil
	}
	at := node{root.Content[0]}
	for _, name := range strings.Split(pointer, "/")[1:] {
		if i, err := strconv.Atoi(name); err == nil && len(at.items()) > i {
			at = at.items()[i]
			continue
		}
		at = at.get(strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	}
	return at.Node
}
