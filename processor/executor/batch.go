package executor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"net/http"

	"github.com/google/uuid"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/schemas"
)

// ExecuteBatch makes one attempt at many calls in one request:
//
//	{"calls": [{…as in a request of its own…, "deferredToken": "…", "fence": 7, "traceparent": "…"}]}
//
// and expects {"calls": [{"requestId": "…", "results": […]}]} in any order. In place of results an element may say
// "status": "Deferred", or "status": "Error" with errorCode and message. A call that has no element is Transient, one
// with two is Failed as InvalidResponse. Any other answer than 200 with a body holds for each call. The outcomes stand
// in the order of the requests, whose request ids differ.
func (h *HTTP) ExecuteBatch(ctx context.Context, r *route.Route, requests []Request) []conversation.Outcome {
	body, err := batchBody(requests)
	if err != nil {
		return each(requests, failed(schemas.Internal, "encode request: "+err.Error()))
	}
	a, none := h.post(ctx, r, body, http.Header{HeaderIdempotencyKey: {batchKey(requests)}})
	if a == nil {
		return each(requests, none)
	}
	return a.outcomes(requests)
}

func each(requests []Request, o conversation.Outcome) []conversation.Outcome {
	out := make([]conversation.Outcome, len(requests))
	for i := range out {
		out[i] = o
	}
	return out
}

func batchBody(requests []Request) ([]byte, error) {
	b := []byte(`{"calls":[`)
	for i, req := range requests {
		if i > 0 {
			b = append(b, ',')
		}
		element, err := req.element()
		if err != nil {
			return nil, err
		}
		b = append(b, element...)
	}
	return append(b, `]}`...), nil
}

// batchKey is the same whenever the same calls go together.
func batchKey(requests []Request) string {
	h := sha256.New()
	for _, req := range requests {
		h.Write([]byte(req.Call.RequestId))
	}
	id := uuid.UUID(h.Sum(nil)[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8 (RFC 9562): made of something else
	return id.String()
}

// element is what a batch's answer says of one call.
type element struct {
	RequestID string                 `json:"requestId"`
	Results   []schemas.AnswerResult `json:"results"`
	Status    schemas.CallStatus     `json:"status"`
	ErrorCode schemas.Code           `json:"errorCode"`
	Message   string                 `json:"message"`
}

// outcomes says what the answer means for each of the calls that were sent.
func (a *answer) outcomes(requests []Request) []conversation.Outcome {
	out := make([]conversation.Outcome, len(requests))
	if a.well() {
		for i, req := range requests {
			out[i] = Outcome(&schemas.Answer{}, req.Call)
		}
		return out
	}
	if a.status != http.StatusOK {
		return each(requests, a.refusal())
	}
	var said struct {
		Calls []element `json:"calls"`
	}
	if o, ok := a.read(&said, `{"calls": [{"requestId": …}]}`); !ok {
		return each(requests, o)
	}
	of := make(map[string][]element, len(said.Calls))
	for _, e := range said.Calls {
		of[e.RequestID] = append(of[e.RequestID], e)
	}
	for i, req := range requests {
		out[i] = req.outcome(of[req.Call.RequestId])
	}
	return out
}

// outcome says what the elements of a call mean, of which there should be one.
func (req Request) outcome(of []element) conversation.Outcome {
	if len(of) == 0 {
		return transient("the backend answered without a word of this call")
	}
	if len(of) > 1 {
		return invalid("the backend answered with %d elements of this call", len(of))
	}
	switch e := of[0]; e.Status {
	case "":
		return Outcome(&schemas.Answer{Results: e.Results}, req.Call)
	case schemas.Deferred:
		return conversation.Outcome{Kind: conversation.Deferred}
	case schemas.Error:
		return failed(cmp.Or(e.ErrorCode, schemas.CallFailed), e.Message)
	default:
		return invalid("status %q of a call is neither Deferred nor Error", clip(string(e.Status), codeBytesMax))
	}
}
