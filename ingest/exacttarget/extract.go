package exacttarget

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
	"parley/schemas"
)

// ExtractRequest is the local name of what asks for files.
const ExtractRequest = "ExtractRequestMsg"

// AsyncResults is the ID of the extract that has the results of calls.
const AsyncResults = "AsyncResults"

// extractsMax bounds the files of one request.
const extractsMax = 100

// Extract is a file that is asked for.
type Extract struct {
	// Query are parameters of GET /v1/extracts.
	Query url.Values
	// Problem is why there is no such file; nil: nothing is known against it.
	Problem *schemas.Problem
}

// ReadExtracts reads an ExtractRequestMsg.
func ReadExtracts(e *soap.Element) ([]Extract, *schemas.Problem) {
	var all []Extract
	for r := range e.All("Requests") {
		if len(all) == extractsMax {
			return nil, &schemas.Problem{Code: schemas.TooManyObjects, Detail: "a request has at most 100 Requests; send several"}
		}
		all = append(all, readExtract(r))
	}
	if len(all) == 0 {
		return nil, &schemas.Problem{Code: schemas.InvalidParameter, Detail: "the request has no Requests"}
	}
	return all, nil
}

func readExtract(r *soap.Element) Extract {
	if id := r.Child("ID").Value(); !strings.EqualFold(id, AsyncResults) {
		return Extract{Problem: &schemas.Problem{Code: schemas.NotFound, Detail: "the only extract here has the ID " + AsyncResults}}
	}
	x := Extract{Query: url.Values{}}
	for p := range r.Child("Parameters").All("Parameter") {
		given, value := p.Child("Name").Value(), p.Child("Value").Value()
		if value == "" {
			continue
		}
		name, known := extractParameter(given)
		switch {
		case !known:
			x.Problem = &schemas.Problem{Code: schemas.InvalidParameter, Detail: fmt.Sprintf("the extract has no parameter %.100q; it has from, to, format, conversationId, status and columns", given)}
		case name == "from" || name == "to":
			at, ok := parseInstant(value)
			if !ok {
				x.Problem = &schemas.Problem{Code: schemas.InvalidParameter, Detail: fmt.Sprintf("%s is a time as 2026-12-01T08:00:00Z, not %.100q", name, value)}
			}
			value = formatInstant(at)
		case name == "format":
			value = strings.ToLower(value)
		}
		x.Query.Set(name, value)
	}
	return x
}

// extractParameter is a parameter of GET /v1/extracts, as the Parameters of an extract name it.
func extractParameter(name string) (string, bool) {
	switch strings.ToLower(name) {
	case "from", "startdate":
		return "from", true
	case "to", "enddate":
		return "to", true
	case "format":
		return "format", true
	case "conversationid":
		return "conversationId", true
	case "status":
		return "status", true
	case "columns":
		return "columns", true
	}
	return "", false
}

// ExtractsAnswer is the ExtractResponseMsg: the StatusMessage of a file that can be had is the URL that it is fetched from, below at.
func ExtractsAnswer(all []Extract, at string) []byte {
	failed := 0
	var results []byte
	for i, x := range all {
		r := partnerapi.Result{StatusCode: partnerapi.StatusOK, StatusMessage: at + "?" + x.Query.Encode(), Ordinal: i}
		if p := x.Problem; p != nil {
			failed++
			r.StatusCode = partnerapi.StatusError
			r.ErrorCode, r.StatusMessage = partnerapi.Error(p.Code, p.Message())
		}
		results = partnerapi.AppendResult(results, "Results", "ExtractResult", &r)
	}
	status := partnerapi.StatusOK
	switch {
	case failed == len(all):
		status = partnerapi.StatusError
	case failed > 0:
		status = partnerapi.StatusHasErrors
	}
	b := []byte(`<ExtractResponseMsg xmlns="` + partnerapi.Namespace + `">`)
	b = partnerapi.AppendElement(b, "OverallStatus", status)
	b = partnerapi.AppendElement(b, "RequestID", uuid.NewString())
	return append(append(b, results...), `</ExtractResponseMsg>`...)
}
