package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"parley/ingest/exacttarget"
	"parley/ingest/soap"
	"parley/internal/account"
	"parley/internal/partnerapi"
	"parley/schemas"
)

// partnerVerbosity is how many times as long as a call may be, as JSON, a request of the partner API may be: it is XML, and
// says as much with more bytes.
const partnerVerbosity = 4

// partnerOperation is what is served at partnerPath to an element in a body.
type partnerOperation struct {
	// action is its SOAPAction.
	action string
	scope  account.Scope
	// serve returns what stands in the body of the answer. Its error is a soap.Fault, a *schemas.Problem, or a fault of ours.
	serve func(ctx context.Context, r *partnerRequest) ([]byte, error)
}

// partnerOperations are all there are, by the local name of the element that asks for them.
func (s *Server) partnerOperations() map[string]partnerOperation {
	return map[string]partnerOperation{
		exacttarget.CreateRequest:  {"Create", account.Submit, s.partnerCall},
		exacttarget.UpdateRequest:  {"Update", account.Submit, s.partnerCall},
		exacttarget.DeleteRequest:  {"Delete", account.Submit, s.partnerDelete},
		exacttarget.PerformRequest: {"Perform", account.Submit, s.partnerCall},

		exacttarget.RetrieveRequest:     {"Retrieve", account.Read, s.partnerRetrieve},
		exacttarget.DescribeRequest:     {"Describe", account.Read, s.partnerDescribe},
		exacttarget.SystemStatusRequest: {"GetSystemStatus", account.Read, s.partnerStatus},
		exacttarget.VersionInfoRequest:  {"VersionInfo", account.Read, s.partnerVersion},
		exacttarget.ExtractRequest:      {"Extract", account.Read, s.partnerExtract},
	}
}

// partnerRequest is a request of the partner API, and who makes it.
type partnerRequest struct {
	soap.Request
	who  account.Caller
	http *http.Request
	// origin is the scheme and host that were asked, as https://example.com.
	origin string
	// lease is what the request holds in memory, until letGo.
	lease *lease
	once  sync.Once
}

// letGo drops what was received: a wait holds none of it.
func (r *partnerRequest) letGo() {
	r.once.Do(func() {
		r.Body, r.Text = soap.Element{}, nil
		r.lease.release()
	})
}

// postPartner carries out an operation of the partner API. Whatever is wrong is told by a fault.
func (s *Server) postPartner(c echo.Context) error {
	r := &partnerRequest{http: c.Request(), origin: origin(c), lease: s.budget.lease()}
	r.Version = soap.VersionOf(r.http.Header) // until the envelope says it
	defer r.letGo()
	action, answer, err := s.partnerAnswer(r)
	if err != nil {
		return s.partnerFault(c, r, err)
	}
	if err := hurry(c, len(answer)); err != nil {
		return fmt.Errorf("set deadline of answer: %w", err)
	}
	h := &soap.Header{Action: action + "Response", MessageID: uuid.NewString(), RelatesTo: r.MessageID, At: s.now()}
	return write(c, http.StatusOK, r.Version.ContentType(), soap.Answer(r.Version, h, answer))
}

// partnerAnswer is what is answered to a request, and the action that it asks for. Its error is one of partnerOperation.serve.
func (s *Server) partnerAnswer(r *partnerRequest) (action string, answer []byte, err error) {
	body, err := readBody(r.http, int64(partnerVerbosity*s.recorder.limits.CallBytesMax), r.lease)
	if err != nil {
		return "", nil, err
	}
	if !r.lease.grow(treeBytes(body)) {
		return "", nil, errBusy
	}
	if r.Request, err = soap.Decode(r.http.Header, body); err != nil {
		return "", nil, err
	}
	o, err := s.partnerOperation(r)
	if err != nil {
		return "", nil, err
	}
	if r.who, err = s.partnerCaller(r.http, r.Credentials); err != nil {
		return "", nil, err
	}
	if !r.who.May(o.scope) {
		return "", nil, &schemas.Problem{Code: schemas.Forbidden, Detail: fmt.Sprintf("this needs a key with the scope %s; this one has %v", o.scope, r.who.Scopes)}
	}
	answer, err = o.serve(r.http.Context(), r)
	return o.action, answer, err
}

// treeBytes is about how much memory the elements of a document need, at the most: a soap.Element has 136 bytes, and the list that it
// stands in has room for others. A tag may have four.
func treeBytes(document []byte) int64 {
	const elementBytes = 256
	return elementBytes * int64(min(bytes.Count(document, []byte("<")), soap.ElementsMax))
}

// partnerOperation is what a request asks for: its action and its body agree.
func (s *Server) partnerOperation(r *partnerRequest) (partnerOperation, error) {
	o, ok := s.partner[r.Body.Name.Local]
	if ok && o.action == r.Action && r.Body.Name.Space == partnerapi.Namespace {
		return o, nil
	}
	for name, known := range s.partner {
		if known.action == r.Action {
			return partnerOperation{}, exacttarget.WrongBody(r.Body.Name, name)
		}
	}
	return partnerOperation{}, exacttarget.WrongAction(r.Action)
}

// partnerFault answers why a request was not carried out.
func (s *Server) partnerFault(c echo.Context, r *partnerRequest, err error) error {
	if f, ok := errors.AsType[soap.Fault](err); ok {
		return fault(c, r.Version, f)
	}
	m, closed := errors.AsType[maintained](err)
	if closed {
		err = m.Problem
	}
	d := s.explain(err, c)
	setRetryAfter(c.Response().Header(), d.retryAfter())
	p := &schemas.Problem{Code: d.Code, Pointer: d.Pointer, Detail: d.Detail}
	if closed {
		return fault(c, r.Version, exacttarget.Maintenance(p))
	}
	return fault(c, r.Version, exacttarget.Fault(p))
}

// maintained is the problem of a call whose backend is in maintenance.
type maintained struct{ *schemas.Problem }

// faulty makes faults of the errors and panics of a handler.
func (s *Server) faulty(h echo.HandlerFunc) echo.HandlerFunc {
	safe := s.recovered(h)
	return func(c echo.Context) error {
		err := safe(c)
		if err == nil || c.Response().Committed {
			return err
		}
		return s.partnerFault(c, &partnerRequest{Request: soap.Request{Version: soap.VersionOf(c.Request().Header)}}, err)
	}
}

// inAnyCase has the paths that the clients of the partner API write in one case or another served in each.
func inAnyCase(h http.Handler) http.Handler {
	paths := []string{partnerPath, partnerWSDLPath, partnerFaultPath}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, path := range paths {
			if len(r.URL.Path) == len(path) && r.URL.Path != path && strings.EqualFold(r.URL.Path, path) {
				r.URL.Path, r.URL.RawPath = path, ""
			}
		}
		h.ServeHTTP(w, r)
	})
}
