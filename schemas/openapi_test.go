package schemas_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi/datamodel"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"parley/schemas"
)

// document is openapi.yaml, to be looked into.
type document struct {
	root     map[string]any
	compiler *jsonschema.Compiler
}

func readDocument(t *testing.T) document {
	t.Helper()
	d := document{compiler: jsonschema.NewCompiler()}
	if err := yaml.Unmarshal([]byte(schemas.OpenAPI()), &d.root); err != nil {
		t.Fatal(err)
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// each visits every value of the document with its JSON pointer, in order.
func each(pointer string, at any, visit func(pointer string, at any)) {
	visit(pointer, at)
	switch at := at.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(at)) {
			each(pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), at[name], visit)
		}
	case []any:
		for i, v := range at {
			each(fmt.Sprintf("%s/%d", pointer, i), v, visit)
		}
	}
}

// The document is what the OpenAPI Initiative's schema of OpenAPI 3.1 says that one is, and each of its schemas is one.
func TestOpenAPIIsValid(t *testing.T) {
	t.Parallel()
	meta, err := jsonschema.UnmarshalJSON(strings.NewReader(datamodel.OpenAPI31SchemaData))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi-3.1.json", meta); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("openapi-3.1.json")
	if err != nil {
		t.Fatal(err)
	}
	d := readDocument(t)
	if err := schema.Validate(d.root); err != nil {
		t.Error(err)
	}
	each("", d.root, func(pointer string, _ any) {
		inside := strings.HasPrefix(pointer, "/components/schemas/") && strings.Count(pointer, "/") == 3
		if inside || strings.HasSuffix(pointer, "/schema") {
			if _, err := d.compiler.Compile("openapi.json#" + pointer); err != nil {
				t.Error(err)
			}
		}
	})
}

// Every example is what the schema beside it says.
func TestOpenAPIExamples(t *testing.T) {
	t.Parallel()
	d := readDocument(t)
	count := 0
	check := func(pointer string, value any) {
		t.Helper()
		schema, err := d.compiler.Compile("openapi.json#" + pointer)
		if err != nil {
			t.Error(err)
			return
		}
		count++
		if err := schema.Validate(value); err != nil {
			t.Errorf("the example of %s: %v", pointer, err)
		}
	}
	each("", d.root, func(pointer string, at any) {
		members, ok := at.(map[string]any)
		if !ok {
			return
		}
		if _, ok := members["schema"]; ok {
			if value, ok := members["example"]; ok {
				check(pointer+"/schema", value)
			}
			named, _ := members["examples"].(map[string]any)
			for _, e := range named {
				check(pointer+"/schema", e.(map[string]any)["value"])
			}
		}
		if values, ok := members["examples"].([]any); ok {
			for _, value := range values {
				check(pointer, value)
			}
		}
	})
	if count < 10 {
		t.Errorf("only %d examples", count)
	}
}

// What a reader needs of each operation is there, and what is referred to is there.
func TestOpenAPIIsComplete(t *testing.T) {
	t.Parallel()
	d := readDocument(t)
	operations := make(map[string]bool)
	each("/paths", d.root["paths"], func(pointer string, at any) {
		o, ok := at.(map[string]any)
		if id, is := o["operationId"].(string); ok && is && o["responses"] != nil {
			if operations[id] {
				t.Errorf("two operations are %s", id)
			}
			operations[id] = true
			for _, needed := range []string{"summary", "tags"} {
				if o[needed] == nil {
					t.Errorf("%s has no %s", id, needed)
				}
			}
		}
	})
	each("", d.root, func(pointer string, at any) {
		members, ok := at.(map[string]any)
		if !ok {
			return
		}
		if members["in"] != nil && members["name"] != nil && members["schema"] != nil && members["description"] == nil {
			t.Errorf("the parameter %s has no description", pointer)
		}
		if strings.Contains(pointer, "/links/") && strings.Count(pointer[strings.LastIndex(pointer, "/links/"):], "/") == 2 && !operations[fmt.Sprint(members["operationId"])] {
			t.Errorf("%s leads to %v, which there is not", pointer, members["operationId"])
		}
	})
}
