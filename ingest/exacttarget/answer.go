package exacttarget

import (
	"strconv"
	"strings"

	"parley/internal/partnerapi"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Accepted answers a request whose call is in the queue under an id, with a result for each of its objects.
func Accepted(request, id string, call *parleyv1.Call) []byte {
	a := answerTo(request, partnerapi.StatusOK, len(call.Objects))
	a.RequestID = id
	for i, o := range call.Objects {
		a.Results[i] = partnerapi.Result{
			StatusCode:     partnerapi.StatusOK,
			StatusMessage:  "Queued",
			Ordinal:        i,
			RequestID:      id,
			ConversationID: call.Options.GetConversationId(),
			RequestType:    partnerapi.Asynchronous,
			ResultType:     partnerapi.Asynchronous,
			ObjectType:     o.Type,
		}
	}
	return partnerapi.AppendResponse(make([]byte, 0, answerRoom*(1+len(a.Results))), &a)
}

// answerRoom is about how many bytes an answer has for each object, and beside them.
const answerRoom = 384

// Refused answers a request whose call is not taken. It has no RequestID: nothing is known by one.
func Refused(request string, p *schemas.Problem) []byte {
	a := answerTo(request, partnerapi.StatusError, 1)
	a.Results[0] = refused(p)
	a.OverallStatusMessage = a.Results[0].StatusMessage
	return partnerapi.AppendResponse(nil, &a)
}

// Ended answers a request whose sender has waited for the end of its call.
func Ended(request string, status *schemas.CallResource) []byte {
	a := partnerapi.ResponseOf(status, partnerapi.Synchronous)
	a.Method = answerTo(request, "", 0).Method
	return partnerapi.AppendResponse(nil, &a)
}

// Deleted answers a request that deletes what is scheduled: each object is gone, or has a problem.
func Deleted(problems []*schemas.Problem) []byte {
	a := answerTo(DeleteRequest, partnerapi.StatusOK, len(problems))
	failed := 0
	for i, p := range problems {
		a.Results[i] = partnerapi.Result{StatusCode: partnerapi.StatusOK, StatusMessage: "Deleted"}
		if p != nil {
			failed++
			a.Results[i] = refused(p)
		}
		a.Results[i].Ordinal = i
	}
	switch {
	case failed == len(problems):
		a.OverallStatus = partnerapi.StatusError
	case failed > 0:
		a.OverallStatus = partnerapi.StatusHasErrors
	}
	return partnerapi.AppendResponse(nil, &a)
}

func answerTo(request, overall string, results int) partnerapi.Response {
	m, _ := methodOf(request)
	return partnerapi.Response{Method: m.name, OverallStatus: overall, Results: make([]partnerapi.Result, results)}
}

// refused is the result of the object that a problem is about, or of the first.
func refused(p *schemas.Problem) partnerapi.Result {
	code, text := partnerapi.Error(p.Code, p.Message())
	r := partnerapi.Result{StatusCode: partnerapi.StatusError, StatusMessage: text, ErrorCode: code}
	if behind, ok := strings.CutPrefix(p.Pointer, "/objects/"); ok {
		place, _, _ := strings.Cut(behind, "/")
		if n, err := strconv.Atoi(place); err == nil {
			r.Ordinal = n
		}
	}
	return r
}
