package executor_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// What a backend is sent is what openapi.yaml says.
func TestRequestsAreAsDocumented(t *testing.T) {
	t.Parallel()
	var document map[string]any
	if err := yaml.Unmarshal([]byte(schemas.OpenAPI()), &document); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("openapi.json#/webhooks/execute/post/requestBody/content/application~1json/schema")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compiler.Compile("openapi.json#/webhooks/execute/post/responses/200/content/application~1json/schema"); err != nil {
		t.Fatal(err)
	}
	seen := make(chan seenRequest, 1)
	r := routeTo(serve(t, func(_ http.ResponseWriter, r *http.Request) { seen <- see(r) }))
	x := newHTTP(t)
	chosen := batch(1)[0]
	chosen.Call.Options = &parleyv1.Options{Properties: []byte(`{"SaveOptions":{"SaveOption":[]}}`)}
	for name, send := range map[string]func(){
		"one call":                              func() { x.Execute(t.Context(), r, batch(1)[0]) },
		"a call with properties of its options": func() { x.Execute(t.Context(), r, chosen) },
		"a batch":                               func() { x.ExecuteBatch(t.Context(), r, batch(3)) },
	} {
		send()
		got := <-seen
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(got.body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %s is not as documented: %v", name, got.body, err)
		}
		if with := strings.Contains(got.body, `"options":{"SaveOptions":{"SaveOption":[]}}`); with != strings.Contains(name, "options") {
			t.Errorf("%s: %s", name, got.body)
		}
	}
}
