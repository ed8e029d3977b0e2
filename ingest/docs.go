package ingest

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"reflect"
	"sync"

	"github.com/labstack/echo/v4"

	"parley/ingest/reference"
	"parley/schemas"
)

//go:embed docs.html
var docsHTML string

// pages are what is served to be read: the documents of the interfaces, and a page for people that is made of them.
type pages struct {
	limits   schemas.Limits
	requests RequestLimits
	topics   schemas.Topics
	// read makes the documents when somebody asks for the first time.
	read func() (documents, error)
}

// documents are the parts of pages that are made once.
type documents struct {
	openAPI  []byte
	document reference.Document
	page     *template.Template
}

func newPages(l schemas.Limits, r RequestLimits, topics schemas.Topics) *pages {
	p := &pages{limits: l, requests: r, topics: topics}
	p.read = sync.OnceValues(p.make)
	return p
}

func (p *pages) make() (d documents, err error) {
	if d.openAPI, err = reference.Set([]byte(schemas.OpenAPI()), limitsInForce(p.limits, p.requests)); err != nil {
		return d, fmt.Errorf("set limits of openapi.yaml: %w", err)
	}
	if d.document, err = reference.Read(d.openAPI); err != nil {
		return d, fmt.Errorf("read openapi.yaml: %w", err)
	}
	if d.page, err = template.New("docs").Funcs(template.FuncMap{"bytes": bytesInWords}).Parse(docsHTML); err != nil {
		return d, fmt.Errorf("parse docs.html: %w", err)
	}
	return d, nil
}

// limitsInForce are the numbers of openapi.yaml that are configured, by their JSON pointers.
func limitsInForce(l schemas.Limits, r RequestLimits) map[string]int64 {
	const (
		post    = "/paths/~1v1~1calls/post/"
		partner = "/paths/~1Service.asmx/post/"
		objects = "/components/schemas/"
	)
	calls, name, id, parts := int64(r.RequestCallsMax), int64(l.NameBytesMax), int64(l.ConversationIDBytesMax), int64(l.PartsMax)
	return map[string]int64{
		post + "x-limits/callBytes":                                            int64(l.CallBytesMax),
		post + "x-limits/requestBytes":                                         r.RequestBytesMax,
		post + "x-limits/requestCalls":                                         calls,
		partner + "x-limits/envelopeBytes":                                     int64(partnerVerbosity * l.CallBytesMax),
		post + "requestBody/content/application~1json/schema/oneOf/1/maxItems": calls,
		objects + "Call/properties/action/maxLength":                           name,
		objects + "Call/properties/objects/maxItems":                           int64(l.ObjectsMax),
		objects + "Object/properties/type/maxLength":                           name,
		objects + "Name/maxLength":                                             name,
		objects + "Options/properties/conversationId/maxLength":                id,
		objects + "Options/properties/sequenceCode/maximum":                    parts,
		objects + "Options/properties/callsInConversation/maximum":             parts,
		objects + "Options/properties/sendResponseTo/maxItems":                 int64(l.TargetsMax),
		objects + "Resubmission/properties/conversationId/maxLength":           id,
		"/components/parameters/ConversationId/schema/maxLength":               id,
	}
}

// bytesInWords is a number of bytes as people say it.
func bytesInWords(n any) string {
	v := reflect.ValueOf(n).Int()
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if v >= unit.bytes && v%unit.bytes == 0 {
			return fmt.Sprintf("%d %s", v/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", v)
}

// docs answers a page for people, with addresses as whoever asks has used them.
func (p *pages) docs(c echo.Context) error {
	d, err := p.read()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = d.page.Execute(&b, map[string]any{
		"Base": c.Scheme() + "://" + c.Request().Host, "Limits": p.limits, "Requests": p.requests, "Topics": p.topics, "Inbox": p.topics.Inbox("acme"), "Document": d.document,
	})
	if err != nil {
		return fmt.Errorf("write docs: %w", err)
	}
	return c.HTMLBlob(http.StatusOK, b.Bytes())
}

// openAPI answers the document for programs, with the limits in force.
func (p *pages) openAPI(c echo.Context) error {
	d, err := p.read()
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, mimeYAML, d.openAPI)
}

// asyncAPI answers the document of the topics.
func (*pages) asyncAPI(c echo.Context) error {
	return c.Blob(http.StatusOK, mimeYAML, []byte(schemas.AsyncAPI()))
}

const mimeYAML = "application/yaml"
