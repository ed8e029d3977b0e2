package exacttarget

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
	"parley/schemas"
)

// RetrieveRequest is the local name of what asks for results that were recorded.
const RetrieveRequest = "RetrieveRequestMsg"

const (
	// retrievedMax is how many objects an answer has at the most.
	retrievedMax = 2500
	// retrievedBytes is after how many bytes of objects an answer ends: they may carry documents.
	retrievedBytes = 4 << 20
)

// Retrieval is what a Retrieve asks for, and from where on. Its JSON form is what goes into the RequestID of an answer that is not
// the last.
type Retrieval struct {
	// Type is ResultItem or ResultMessage.
	Type       string   `json:"t"`
	Properties []string `json:"p,omitzero"`
	Filter     *Filter  `json:"f,omitzero"`
	// Size bounds the objects of an answer, from 1 to retrievedMax.
	Size int   `json:"n"`
	From Place `json:"a,omitzero"`

	result *resultType
	wanted map[string]bool
}

// refusal is what is wrong with a Retrieve: its text stands behind "Error: " in the OverallStatus.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }

// RetrieveRefused answers a Retrieve that asks for nothing that there is; false: err is not about that.
func RetrieveRefused(err error) ([]byte, bool) {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return nil, false
	}
	return retrieved("Error: "+r.text, uuid.NewString(), nil), true
}

// ReadRetrieve reads a RetrieveRequestMsg. Its error is for RetrieveRefused.
func ReadRetrieve(e *soap.Element) (*Retrieval, error) {
	asked := e.Child("RetrieveRequest")
	for _, in := range []*soap.Element{asked, e} { // fuelsdk for Ruby has it beside the RetrieveRequest
		if text := in.Child("ContinueRequest").Value(); text != "" {
			return parseContinuation(text)
		}
	}
	for _, name := range []string{"RetrieveAllSinceLastBatch", "RepeatLastResult"} {
		if text := asked.Child(name).Value(); text == "true" || text == "1" {
			return nil, refuse("%s is not known here: nothing is kept of what was retrieved; filter by ModifiedDate", name)
		}
	}
	options := asked.Child("Options")
	if options.Child("RequestType").Value() == partnerapi.Asynchronous {
		return nil, refuse("Retrieve is not asynchronous; leave RequestType out")
	}
	q := &Retrieval{Type: asked.Child("ObjectType").Value()}
	for p := range asked.All("Properties") {
		if name := p.Value(); name != "" {
			q.Properties = append(q.Properties, name)
		}
	}
	q.Size, _ = strconv.Atoi(options.Child("BatchSize").Value())
	var err error
	if q.Filter, err = readFilter(asked.Child("Filter")); err != nil {
		return nil, err
	}
	err = q.check()
	return q, err
}

// check returns what is wrong with q, and brings it into the form that it is answered by.
func (q *Retrieval) check() error {
	if q.result = typeNamed(q.Type); q.result == nil {
		return refuse("Unable to find a handler for object type: %.100s. Object types are case-sensitive, check spelling.", q.Type)
	}
	if q.Size < 1 || q.Size > retrievedMax {
		q.Size = retrievedMax
	}
	if err := q.want(); err != nil {
		return err
	}
	if q.Filter == nil {
		return nil
	}
	return q.Filter.check(q.result)
}

// want takes note of the properties that are wanted; when none are named, of all but the document, which is for who asks for it.
func (q *Retrieval) want() error {
	q.wanted = map[string]bool{}
	for _, name := range q.Properties {
		p, ok := q.result.property(name)
		if !ok {
			return refuse("The Request Property(s) %.100s do not match with the fields of %s retrieve", name, q.Type)
		}
		q.wanted[p.name] = true
	}
	if len(q.Properties) > 0 {
		q.Properties = slices.Sorted(maps.Keys(q.wanted))
		return nil
	}
	for _, p := range q.result.properties {
		q.wanted[p.name] = p.kind != kindDetail
	}
	return nil
}

// PerCall says that each call has one object, not each of its objects.
func (q *Retrieval) PerCall() bool { return q.result.perCall }

// Page is an answer that is being put together.
type Page struct {
	q       *Retrieval
	objects []byte
	count   int
	more    *Place
}

// NewPage returns an empty answer to q.
func NewPage(q *Retrieval) *Page { return &Page{q: q} }

// Room is how many objects more the answer takes.
func (p *Page) Room() int {
	if p.more != nil || len(p.objects) >= retrievedBytes {
		return 0
	}
	return p.q.Size - p.count
}

// AddCall takes what a call has come to, from a place in it on; false: there is no room for all of it, and the answer ends in it. A call
// that has not ended has nothing.
func (p *Page) AddCall(c *schemas.CallResource, at Place) bool {
	if !c.Status.Final() {
		return true
	}
	rows := p.rows(c)
	for i := at.Objects; i < len(rows); i++ {
		if !p.q.Filter.takes(p.q.result, &rows[i]) {
			continue
		}
		if p.Room() <= 0 {
			at.Objects = i
			p.End(at)
			return false
		}
		p.append(&rows[i])
	}
	return true
}

// AddWhole takes what a call has come to, whether there is room or not.
func (p *Page) AddWhole(c *schemas.CallResource) {
	rows := p.rows(c)
	for i := range rows {
		if p.q.Filter.takes(p.q.result, &rows[i]) {
			p.append(&rows[i])
		}
	}
}

// AddRecorded takes what a search has found, whether there is room or not; of a ResultMessage, whole calls.
func (p *Page) AddRecorded(found []schemas.RecordedResult) {
	calls := recorded(found)
	for i := range calls {
		p.AddWhole(&calls[i])
	}
}

// rows are what is made of a call that has ended.
func (p *Page) rows(c *schemas.CallResource) []Row {
	if p.q.PerCall() {
		return []Row{message(c)}
	}
	return items(c)
}

func (p *Page) append(r *Row) {
	p.objects = p.q.result.append(p.objects, r, p.q.wanted)
	p.count++
}

// End says where the next answer begins.
func (p *Page) End(at Place) { p.more = &at }

// Answer is the RetrieveResponseMsg.
func (p *Page) Answer() ([]byte, error) {
	if p.more == nil {
		return retrieved(partnerapi.StatusOK, uuid.NewString(), p.objects), nil
	}
	next := *p.q
	next.From = *p.more
	id, err := next.continuation()
	if err != nil {
		return nil, err
	}
	return retrieved("MoreDataAvailable", id, p.objects), nil
}

func retrieved(status, id string, objects []byte) []byte {
	b := make([]byte, 0, len(objects)+len(id)+len(status)+256)
	b = append(b, `<RetrieveResponseMsg xmlns="`+partnerapi.Namespace+`">`...)
	b = partnerapi.AppendElement(b, "OverallStatus", status)
	b = partnerapi.AppendElement(b, "RequestID", id)
	return append(append(b, objects...), `</RetrieveResponseMsg>`...)
}
