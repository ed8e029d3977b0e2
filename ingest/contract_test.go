package ingest

import (
	"bytes"
	"fmt"
	"math"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
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
	switch {
	case method == http.MethodHead && len(r.body) == 0: // as GET, without a body
		return
	case method == http.MethodOptions && r.status == http.StatusNoContent:
		return
	}
	operation, ok := c.find("/paths/" + escape(templateOf(path)) + "/" + strings.ToLower(method))
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
	if media == mimeEvents {
		return // its events are held against the contract where they are read
	}
	if media != mimeNDJSON {
		c.validate(t, content+"/schema", r.body)
		return
	}
	for line := range bytes.Lines(r.body) {
		c.validate(t, content+"/schema", line)
	}
}

// checkRequest fails the test when a request was taken that the document does not allow: what the schema refuses is
// refused. Compressed bodies are left out.
func (c *contract) checkRequest(t testing.TB, method, path string, header http.Header, body []byte, r reply) {
	t.Helper()
	if r.status >= http.StatusBadRequest || header.Get("Content-Encoding") != "" && header.Get("Content-Encoding") != "identity" {
		return
	}
	content, ok := c.find("/paths/" + escape(templateOf(path)) + "/" + strings.ToLower(method) + "/requestBody/content")
	if !ok {
		return
	}
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || media == mimeForm {
		media = mimeJSON // as the document says
	}
	if _, documented := c.find(content + "/" + escape(media)); documented && strings.HasSuffix(media, "xml") {
		return
	}
	at, ok := c.find(content + "/" + escape(media) + "/schema")
	if !ok {
		t.Errorf("%s %s: a body of %s was taken, which is not documented", method, path, media)
		return
	}
	if media == mimeJSON && jsontext.Value(body).Kind() != '[' {
		c.validate(t, at, body)
		return
	}
	f, err := formOf(media, body)
	if err != nil {
		t.Fatal(err)
	}
	calls, p := split(body, f, math.MaxInt)
	if p != nil {
		t.Fatal(p)
	}
	for i, fate := range fates(t, f, r.body) {
		if !bytes.Contains(fate, []byte(`"code":`)) { // it was not refused
			c.validate(t, "/components/schemas/Call", calls[i])
		}
	}
}

// fates are what an answer says of each call.
func fates(t testing.TB, f form, body []byte) []jsontext.Value {
	t.Helper()
	var each struct{ Calls []jsontext.Value }
	if f == callArray {
		reply{body: body}.decode(t, &each)
		return each.Calls
	}
	for line := range bytes.Lines(body) {
		each.Calls = append(each.Calls, line)
	}
	return each.Calls
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
	at, ok := c.at(pointer)
	if !ok {
		return "", false
	}
	if members, ok := at.(map[string]any); ok {
		if ref, ok := members["$ref"].(string); ok {
			return strings.TrimPrefix(ref, "#"), true
		}
	}
	return pointer, true
}

// at returns what stands at a pointer.
func (c *contract) at(pointer string) (any, bool) {
	var at any = c.document
	for _, name := range strings.Split(pointer, "/")[1:] {
		members, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = members[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]; !ok {
			return nil, false
		}
	}
	return at, true
}

func escape(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// templateOf is the path as the document has it.
func templateOf(path string) string {
	path, _, _ = strings.Cut(path, "?")
	switch {
	case strings.HasPrefix(path, requestsPath):
		return requestsPath + "{requestId}"
	case strings.HasPrefix(path, routesPath+"/") && strings.HasSuffix(path, "/maintenance"):
		return routesPath + "/{name}/maintenance"
	case strings.HasPrefix(path, webhookSecretsPath+"/"):
		return webhookSecretsPath + "/{secretId}"
	case strings.HasPrefix(path, subscribersPath+"/") && strings.HasSuffix(path, dequeueSuffix):
		return subscribersPath + "/{subscriberId}" + dequeueSuffix
	case strings.HasPrefix(path, subscribersPath+"/"):
		return subscribersPath + "/{subscriberId}"
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
	heads, gets := 0, 0
	for _, r := range h.server.handler.(*echo.Echo).Routes() {
		switch r.Method {
		case http.MethodHead: // goes without saying
			heads++
			continue
		case http.MethodGet:
			gets++
		}
		served = append(served, r.Method+" "+templateOf(r.Path))
	}
	if heads != gets {
		t.Errorf("HEAD is served at %d paths, GET at %d", heads, gets)
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

// What is refused before any handler is asked is a problem, too; and HEAD and OPTIONS are answered.
func TestRequestsThatNobodyServes(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.err = nil
	conversation := conversationsPath + "c"
	tests := []struct {
		method, path string
		status       int
		code         schemas.Code
		says         string
	}{
		{http.MethodGet, conversation + "?wiat=1s", 400, schemas.InvalidParameter, `no query parameter "wiat" here; there are: after, wait`},
		{http.MethodGet, conversation + "?wait=1s&wait=2s", 400, schemas.InvalidParameter, "wait is given 2 times"},
		{http.MethodGet, conversation + "?wait=%zz", 400, schemas.InvalidParameter, "the query cannot be read"},
		{http.MethodGet, conversation + "?wait=1s;after=2", 400, schemas.InvalidParameter, "the query cannot be read"},
		{http.MethodGet, conversation + "?wait=%ff", 400, schemas.InvalidParameter, "wait is a duration"},
		{http.MethodGet, routesPath + "?all", 400, schemas.InvalidParameter, "this takes none"},
		{http.MethodGet, conversationsPath + "%ff", 404, schemas.NotFound, "no conversation can have this id"},
		{http.MethodGet, conversationsPath + strings.Repeat("a", 201), 404, schemas.NotFound, "no conversation can have this id"},
		{http.MethodGet, conversationsPath + strings.Repeat("a", 30_000), 404, schemas.NotFound, "no conversation can have this id"},
		{http.MethodGet, conversationsPath + "a/b", 404, schemas.NotFound, "nothing is served at this path"},
		{http.MethodGet, routesPath + "/", 404, schemas.NotFound, "nothing is served at this path"},
		{http.MethodGet, "/v1//routes", 404, schemas.NotFound, "nothing is served at this path"},
		{http.MethodGet, "/V1/routes", 404, schemas.NotFound, "nothing is served at this path"},
		{http.MethodGet, "/", 404, schemas.NotFound, "nothing is served at this path"},
		{http.MethodOptions, "/nowhere", 404, schemas.NotFound, "nothing is served at this path"},
		{http.MethodGet, callsPath, 405, schemas.InvalidParameter, "the header Allow says what is"},
		{http.MethodPatch, conversation, 405, schemas.InvalidParameter, "the header Allow says what is"},
		{"BREW", callsPath, 405, schemas.InvalidParameter, "the header Allow says what is"},
	}
	for _, tt := range tests {
		r := h.do(t, tt.method, tt.path, nil)
		if d := r.problem(t); d.Status != tt.status || d.Code != tt.code || !strings.Contains(d.Detail, tt.says) {
			t.Errorf("%s %.100s: %+v, want %d %s, saying %q", tt.method, tt.path, d, tt.status, tt.code, tt.says)
		}
		if allow := r.header.Get("Allow"); (tt.status == 405) != (allow != "") {
			t.Errorf("%s %.100s: Allow %q", tt.method, tt.path, allow)
		}
	}
	get, head := h.get(t, conversation), h.do(t, http.MethodHead, conversation, nil)
	if get.status != 200 || head.status != 200 || len(head.body) > 0 || head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) {
		t.Errorf("HEAD is answered with %d %v %s, GET with %d %s", head.status, head.header, head.body, get.status, get.body)
	}
	if r := h.do(t, http.MethodOptions, callsPath, nil); r.status != 204 || r.header.Get("Allow") != "OPTIONS, POST" {
		t.Errorf("OPTIONS is answered with %d %v", r.status, r.header)
	}
}

// Each operation takes the query parameters that the document gives it, and no other.
func TestContractHasEveryQueryParameter(t *testing.T) {
	t.Parallel()
	c, h := openContract(t), start(t)
	paths, _ := c.document["paths"].(map[string]any)
	for path, item := range paths {
		if !strings.HasPrefix(path, "/v1/") || path == firstTokenPath { // whose clients say more than it asks
			continue
		}
		for method, operation := range item.(map[string]any) {
			var names []string
			parameters, _ := operation.(map[string]any)["parameters"].([]any)
			for _, p := range parameters {
				if ref, ok := p.(map[string]any)["$ref"].(string); ok {
					p, _ = c.at(strings.TrimPrefix(ref, "#"))
				}
				if p := p.(map[string]any); p["in"] == "query" {
					names = append(names, fmt.Sprint(p["name"]))
					if may, _ := p["allowEmptyValue"].(bool); !may { // an empty one is as good as none
						t.Errorf("%s %s: %s may be empty", method, path, p["name"])
					}
				}
			}
			slices.Sort(names)
			sent := strings.NewReplacer("{requestId}", someID, "{conversationId}", "c", "{name}", "default", "{token}", "t").Replace(path)
			d := h.do(t, strings.ToUpper(method), sent+"?noSuchParameter=1", nil).problem(t)
			if want := `there is no query parameter "noSuchParameter" here; ` + those(names); d.Detail != want {
				t.Errorf("%s %s says %q, want %q", method, path, d.Detail, want)
			}
		}
	}
}
