package ingest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"parley/schemas"
)

func TestDocsAreReadable(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.get(t, "/docs")
	if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
		t.Fatalf("/docs: %d %v", r.status, r.header)
	}
	page := string(r.body)
	for _, want := range []string{
		"curl -i " + h.url + "/v1/calls",
		`<section id="postCalls">`,
		`<h4><code>GET /v1/conversations/{conversationId}</code></h4>`,
		"Scope: <code>submit</code>.",
		`<section id="schema-Options">`,
		`<td><code>scheduledTime</code></td>`,
		"<td>1 MiB</td>", "<td>64 MiB</td>", "<td>10000</td>", "200 bytes",
		"<code>parley.calls</code>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("/docs does not say %s", want)
		}
	}
	for _, never := range []string{"<script", "http-equiv", "//cdn", "no value", "%!", "ZgotmplZ"} {
		if strings.Contains(page, never) {
			t.Errorf("/docs has %q", never)
		}
	}
	anchors := make(map[string]bool)
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if anchors[m[1]] {
			t.Errorf("two elements are %q", m[1])
		}
		anchors[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !anchors[m[1]] {
			t.Errorf("a link leads to #%s, which there is not", m[1])
		}
	}
	wellFormed(t, page)
}

// wellFormed fails the test unless what is opened in the body is closed, in order.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page[strings.Index(page, "<header>"):strings.Index(page, "</html>")]))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("/docs: %v", err)
		}
	}
}

// What is served says the limits that are configured, not the defaults.
func TestDocsSayTheLimitsInForce(t *testing.T) {
	t.Parallel()
	l := schemas.Limits{CallBytesMax: 2 << 20, ObjectsMax: 7, PartsMax: 8, ConversationIDBytesMax: 9, NameBytesMax: 11, ScheduleHorizon: 12 * time.Hour, TargetsMax: 5}
	h := start(t, func(c *Config) {
		c.Limits, c.RequestCallsMax, c.RequestBytesMax, c.WaitMax = l, 13, 3<<20, 14*time.Second
	})
	page := string(h.get(t, "/docs").body)
	for _, want := range []string{
		"<td>2 MiB</td>", "<td>7 (", "<td>8 (", "<td>9 bytes (", "<td>11 bytes (", "<td>12h0m0s (", "<td>5 (", "<td>13</td>", "<td>3 MiB</td>", "<td>14s</td>",
		"array of <a href=\"#schema-Object\">Object</a>, 1 to 7 items",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("/docs does not say %s", want)
		}
	}
	var served map[string]any
	if err := yaml.Unmarshal(h.get(t, "/openapi.yaml").body, &served); err != nil {
		t.Fatal(err)
	}
	c := &contract{document: served}
	for pointer, want := range limitsInForce(l, RequestLimits{RequestCallsMax: 13, RequestBytesMax: 3 << 20}) {
		parent, last := pointer[:strings.LastIndexByte(pointer, '/')], pointer[strings.LastIndexByte(pointer, '/')+1:]
		if strings.Contains(pointer, "/oneOf/") {
			continue // an array: at does not go there
		}
		members, _ := c.at(parent)
		if got := fmt.Sprint(members.(map[string]any)[last]); got != fmt.Sprint(want) {
			t.Errorf("/openapi.yaml says %s at %s, want %d", got, pointer, want)
		}
	}
}

// Every code that there is has its place on the page: those of problems with what they are answered with, those of
// results and of deliveries in tables of their own.
func TestEveryCodeIsExplained(t *testing.T) {
	t.Parallel()
	codes := everyCode(t)
	problems, results, deliveries := codes["problems"], codes["results"], codes["deliveries"]
	problems = append(problems, schemas.Internal, schemas.ConversationIDUsed, schemas.CodeExpired) // they are both
	slices.Sort(problems)
	if titled := slices.Sorted(maps.Keys(titles)); !slices.Equal(titled, problems) {
		t.Errorf("titles has %q\nschemas has %q", titled, problems)
	}
	for _, code := range problems {
		if !strings.Contains(docsHTML, fmt.Sprintf("<tr id=%q><td><code>%s</code></td><td>%d</td><td>", code, code, code.HTTPStatus())) {
			t.Errorf("/docs does not explain %s", code)
		}
		if titles[code] == "" {
			t.Errorf("%s has no title", code)
		}
	}
	results = slices.DeleteFunc(results, func(c schemas.Code) bool { return c == schemas.CodeExpired }) // of tokens alone
	for _, code := range results {
		if !strings.Contains(docsHTML, fmt.Sprintf("<tr id=%q><td><code>%s</code></td><td>", "result-"+code, code)) {
			t.Errorf("/docs does not explain %s of a result", code)
		}
	}
	for _, code := range deliveries {
		if !strings.Contains(docsHTML, fmt.Sprintf("<tr id=%q><td><code>%s</code></td><td>", "delivery-"+code, code)) {
			t.Errorf("/docs does not explain %s of a delivery", code)
		}
	}
	if n, want := strings.Count(docsHTML, "<tr id="), len(problems)+len(results)+len(deliveries); n != want {
		t.Errorf("/docs explains %d codes, want %d", n, want)
	}
}

// everyCode has the constants of code.go: those of refused requests are problems, beside those of results and deliveries.
func everyCode(t *testing.T) map[string][]schemas.Code {
	t.Helper()
	codes := make(map[string][]schemas.Code)
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "schemas", "code.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		block, ok := d.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		for _, s := range block.Specs {
			text, err := strconv.Unquote(s.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			of := "problems"
			for _, other := range []string{"results", "deliveries"} {
				if strings.Contains(block.Doc.Text(), "codes of "+other) {
					of = other
				}
			}
			codes[of] = append(codes[of], schemas.Code(text))
		}
	}
	if len(codes) != 3 {
		t.Fatal("code.go is not what it was")
	}
	return codes
}
