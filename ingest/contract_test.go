package ingest

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"parley/schemas"
)

// contract is openapi.yaml, against which the harness holds every answer of every test.
type contract struct {
	mu       sync.Mutex
	document map[string]any
	compiler *jsonschema.Compiler
}

// loadContract reads the document once: all tests share it.
var loadContract = sync.OnceValues(func() (*contract, error) {
	var document map[string]any
	if err := yaml.Unmarshal([]byte(schemas.OpenAPI()), &document); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", document); err != nil {
		return nil, err
	}
	return &contract{document: document, compiler: c}, nil
})

func openContract(t testing.TB) *contract {
	t.Helper()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// check fails the test unless the document foresees the answer: its status, its media type, and its body.
func (c *contract) check(t testing.TB, method, path string, r reply) {
	t.Helper()
	operation, ok := c.find("/paths/" + escape(template(path)) + "/" + strings.ToLower(method))
	if !ok { // neither path nor method are ours: a problem, whatever else
		c.validate(t, "/components/schemas/Problem", r.body)
		return
	}
	response, ok := c.find(operation + "/responses/" + fmt.Sprint(r.status))
	if !ok {
		t.Errorf("%s %s: the status %d is not documented: %s", method, path, r.status, r.body)
		return
	}
	if _, ok := c.find(response + "/content"); !ok && len(r.body) == 0 {
		return
	}
	media, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil {
		t.Errorf("%s %s: content type %q: %v", method, path, r.header.Get("Content-Type"), err)
		return
	}
	content, ok := c.find(response + "/content/" + escape(media))
	if !ok {
		t.Errorf("%s %s: the content type %q of status %d is not documented", method, path, media, r.status)
		return
	}
	if _, ok := c.find(content + "/schema"); !ok {
		return
	}
	if media != mimeNDJSON {
		c.validate(t, content+"/schema", r.body)
		return
	}
	for line := range bytes.Lines(r.body) {
		c.validate(t, content+"/schema", line)
	}
}

// validate fails the test unless the JSON text is what the schema at a pointer says.
func (c *contract) validate(t testing.TB, pointer string, text []byte) {
	t.Helper()
	c.mu.Lock()
	schema, err := c.compiler.Compile("openapi.json#" + pointer)
	c.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Errorf("not JSON: %s", text)
		return
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s is not what %s says: %v", text, pointer, err)
	}
}

// find returns the pointer of what stands at a pointer, behind its reference if it is one.
func (c *contract) find(pointer string) (string, bool) {
	var at any = c.document
	for _, name := range strings.Split(pointer, "/")[1:] {
		members, ok := at.(map[string]any)
		if !ok {
			return "", false
		}
		if at, ok = members[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]; !ok {
			return "", false
		}
	}
	if members, ok := at.(map[string]any); ok {
		if ref, ok := members["$ref"].(string); ok {
			return strings.TrimPrefix(ref, "#"), true
		}
	}
	return pointer, true
}

func escape(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// template is the path as the document has it.
func template(path string) string {
	path, _, _ = strings.Cut(path, "?")
	switch {
	case strings.HasPrefix(path, requestsPath):
		return requestsPath + "{requestId}"
	case strings.HasPrefix(path, routesPath+"/") && strings.HasSuffix(path, "/maintenance"):
		return routesPath + "/{name}/maintenance"
	case strings.HasPrefix(path, deferredPath):
		return deferredPath + "{token}"
	case strings.HasPrefix(path, conversationsPath) && strings.HasSuffix(path, resubmitSuffix):
		return conversationsPath + "{conversationId}" + resubmitSuffix
	case strings.HasPrefix(path, conversationsPath):
		return conversationsPath + "{conversationId}"
	}
	return path
}

func TestContractHasEveryRoute(t *testing.T) {
	t.Parallel()
	h := start(t)
	var served, documented []string
	for _, r := range h.server.handler.(*echo.Echo).Routes() {
		served = append(served, r.Method+" "+template(r.Path))
	}
	paths, _ := openContract(t).document["paths"].(map[string]any)
	for path, item := range paths {
		for method := range item.(map[string]any) {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(documented)
	if !slices.Equal(served, documented) {
		t.Errorf("served     %q\ndocumented %q", served, documented)
	}
}

func TestContractHasEveryCode(t *testing.T) {
	t.Parallel()
	all, _ := openContract(t).document["components"].(map[string]any)["schemas"].(map[string]any)["ProblemCode"].(map[string]any)["enum"].([]any)
	var documented, used []string
	for _, code := range all {
		documented = append(documented, fmt.Sprint(code))
	}
	for code := range titles {
		used = append(used, string(code))
	}
	slices.Sort(documented)
	slices.Sort(used)
	if !slices.Equal(documented, used) {
		t.Errorf("documented %q\nused       %q", documented, used)
	}
}

// The document says of a call what the decoder says of it, where JSON Schema can say it.
func TestContractOfACall(t *testing.T) {
	t.Parallel()
	c, h := openContract(t), start(t)
	accepted := []string{
		simpleCall,
		part("order-1234", 2, 3),
		`{"method":"Perform","action":"start","objects":[{"type":"Import","customerKey":null,"properties":null}],"options":null}`,
		`{"method":"Delete","objects":[{"type":"Row","subscriberKey":"s","partnerKey":"p","id":"1","objectId":"o"}],"options":{"priority":"High","failOn":"Never","requestType":"Asynchronous","sendResponseTo":[{"responseType":"None"}]}}`,
	}
	for _, call := range accepted {
		h.post(t, call).accepted(t)
		c.validate(t, "/components/schemas/Call", []byte(call))
	}
	refused := []string{
		`null`, `5`, `{}`, `{"method":"Create","objects":[]}`, `{"method":"create","objects":[{"type":"a"}]}`, `{"method":"Create","objects":[{}]}`,
		`{"method":"Create","objects":[{"type":"a"}],"Options":{}}`, `{"method":"Create","objects":[{"type":"a","properties":[]}]}`,
		`{"method":"Create","objects":[{"type":"a"}],"options":{"conversationId":"c","sequenceCode":0,"callsInConversation":1}}`,
		`{"method":"Create","objects":[{"type":"a"}],"options":{"conversationId":""}}`,
		`{"method":"Create","objects":[{"type":"a"}],"options":{"startBy":"soon"}}`,
	}
	schema, err := c.compiler.Compile("openapi.json#/components/schemas/Call")
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range refused {
		if r := h.post(t, call); r.status != http.StatusBadRequest {
			t.Errorf("%s: status %d", call, r.status)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(call))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("the document allows %s", call)
		}
	}
}
