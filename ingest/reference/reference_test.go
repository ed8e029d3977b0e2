package reference

import (
	"net/http"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const sample = `
tags: [{name: calls, description: "What & how."}]
paths:
  /v1/calls:
    post:
      operationId: postCalls
      security: [{apiKey: [submit]}, {}]
      tags: [calls]
      summary: Send.
      description: |
        First, with ` + "`code <1>`" + `.

        Second.
      parameters: [{$ref: "#/components/parameters/Wait"}]
      requestBody:
        content:
          application/json:
            schema: {oneOf: [{$ref: "#/components/schemas/Call"}, {type: array, minItems: 1, maxItems: 5, items: {$ref: "#/components/schemas/Call"}}, {type: "null"}]}
            example: {method: Create, at: 1, a: [x, {}]}
      responses:
        "202":
          description: Taken.
          headers: {Location: {schema: {type: string, format: uri-reference}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/Name"}}}
components:
  parameters:
    Wait: {name: wait, in: query, required: true, description: How long., schema: {type: string, minLength: 1, default: 1s}}
  schemas:
    Call:
      description: A call.
      required: [method]
      properties:
        method: {enum: [Create, "", null], description: What to do.}
        at: {type: [integer, "null"], minimum: 1}
    Name: {type: [string, "null"], maxLength: 9}
    Word: {enum: [a, b]}
`

func TestRead(t *testing.T) {
	t.Parallel()
	d, err := Read([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Groups) != 1 || d.Groups[0].Description != "<p>What &amp; how.</p>" || len(d.Groups[0].Operations) != 1 {
		t.Fatalf("groups %+v", d.Groups)
	}
	o := d.Groups[0].Operations[0]
	if o.ID != "postCalls" || o.Method != http.MethodPost || o.Path != "/v1/calls" || o.Summary != "Send." || o.Scope != "submit" {
		t.Errorf("operation %+v", o)
	}
	if want := "<p>First, with <code>code &lt;1&gt;</code>.</p><p>Second.</p>"; string(o.Description) != want {
		t.Errorf("description %s, want %s", o.Description, want)
	}
	if p := o.Parameters[0]; p.Name != "wait" || p.In != "query" || !p.Required || p.Type != "string, at least 1 characters, default <code>1s</code>" {
		t.Errorf("parameter %+v", p)
	}
	const call = `<a href="#schema-Call">Call</a>`
	if b := o.Bodies[0]; b.Media != "application/json" || string(b.Type) != call+" or array of "+call+", 1 to 5 items" {
		t.Errorf("body %+v", b)
	}
	if o.Example != "{\n  \"method\": \"Create\",\n  \"at\": 1,\n  \"a\": [\n    \"x\",\n    {}\n  ]\n}" {
		t.Errorf("example %s", o.Example)
	}
	a := o.Answers[0]
	if a.Status != "202" || a.Headers[0].Name != "Location" || a.Headers[0].Type != "string (uri-reference)" || a.Bodies[0].Type != "string, at most 9 characters" {
		t.Errorf("answer %+v", a)
	}
	if len(d.Schemas) != 2 || d.Schemas[1].Type != "<code>a</code>, <code>b</code>" {
		t.Fatalf("schemas %+v", d.Schemas)
	}
	if m := d.Schemas[0].Members; m[0].Type != "<code>Create</code>" || !m[0].Required || m[1].Type != "integer, at least 1" || m[1].Required {
		t.Errorf("members %+v", m)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a: [", "\t"} {
		if _, err := Read([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	const items = "/paths/~1v1~1calls/post/requestBody/content/application~1json/schema/oneOf/1/maxItems"
	same, err := Set([]byte(sample), map[string]int64{items: 5})
	if err != nil || string(same) != sample {
		t.Errorf("nothing to change: %v, %s", err, same)
	}
	changed, err := Set([]byte(sample), map[string]int64{items: 7, "/components/schemas/Name/maxLength": 8})
	if err != nil {
		t.Fatal(err)
	}
	var before, after map[string]any
	if err := yaml.Unmarshal([]byte(strings.NewReplacer("maxItems: 5", "maxItems: 7", "maxLength: 9", "maxLength: 8").Replace(sample)), &before); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(changed, &after); err != nil {
		t.Fatal(err)
	}
	want, err := yaml.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := yaml.Marshal(after); err != nil || string(got) != string(want) {
		t.Errorf("%v, got %s\nwant %s", err, got, want)
	}
	for _, pointer := range []string{"/nowhere", "/paths", "/components/schemas/Name/maxLength/x"} {
		if _, err := Set([]byte(sample), map[string]int64{pointer: 1}); err == nil {
			t.Errorf("%s was set", pointer)
		}
	}
}
