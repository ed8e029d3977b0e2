package executor

import (
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// What a backend says is recorded for every object: longer texts are cut.
const (
	codeBytesMax    = 200
	messageBytesMax = 2_000
)

// resultJSON is what a backend says of one object.
type resultJSON struct {
	Ordinal       *int   `json:"ordinal"`
	CorrelationID string `json:"correlationId"`
	Status        string `json:"status"`
	ErrorCode     string `json:"errorCode"`
	Message       string `json:"message"`
}

// answered reads an answer of 200 with a body.
func answered(content []byte, call *parleyv1.Call) conversation.Outcome {
	if !isJSON(content) {
		return transient("the backend answered 200 with something that is not JSON")
	}
	var body struct {
		Results []resultJSON `json:"results"`
	}
	if err := json.Unmarshal(content, &body); err != nil {
		return failed(schemas.InvalidResponse, "the answer does not have the form {\"results\": […]}: "+clip(err.Error(), messageBytesMax))
	}
	return results(body.Results, call)
}

// results matches what was said to the objects: by ordinal, else by correlationId, else by position. An object of
// which nothing was said is well.
func results(said []resultJSON, call *parleyv1.Call) conversation.Outcome {
	out := make([]conversation.ObjectOutcome, len(call.Objects))
	taken := make([]bool, len(call.Objects))
	for i, r := range said {
		object, err := objectOf(i, r, call)
		if err != nil {
			return failed(schemas.InvalidResponse, fmt.Sprintf("result %d: %v", i, err))
		}
		if taken[object] {
			return failed(schemas.InvalidResponse, fmt.Sprintf("result %d: object %d has a result already", i, object))
		}
		taken[object] = true
		switch r.Status {
		case string(schemas.OK):
			out[object].Message = clip(r.Message, messageBytesMax)
		case string(schemas.Error):
			out[object] = conversation.ObjectOutcome{
				Failed:  true,
				Code:    schemas.Code(clip(r.ErrorCode, codeBytesMax)),
				Message: clip(r.Message, messageBytesMax),
			}
		default:
			return failed(schemas.InvalidResponse, fmt.Sprintf("result %d: status %q is neither OK nor Error", i, clip(r.Status, codeBytesMax)))
		}
	}
	return conversation.Outcome{Kind: conversation.Answered, Results: out}
}

func objectOf(position int, r resultJSON, call *parleyv1.Call) (int, error) {
	switch {
	case r.Ordinal != nil:
		i := *r.Ordinal
		if i < 0 || i >= len(call.Objects) {
			return 0, fmt.Errorf("ordinal %d, but the call has %d objects", i, len(call.Objects))
		}
		if r.CorrelationID != "" && r.CorrelationID != call.Objects[i].CorrelationId {
			return 0, fmt.Errorf("object %d has another correlationId", i)
		}
		return i, nil
	case r.CorrelationID != "":
		for i, o := range call.Objects {
			if o.CorrelationId == r.CorrelationID {
				return i, nil
			}
		}
		return 0, fmt.Errorf("no object has the correlationId %q", clip(r.CorrelationID, codeBytesMax))
	case position >= len(call.Objects):
		return 0, fmt.Errorf("the call has %d objects only", len(call.Objects))
	}
	return position, nil
}

// clip cuts s to at most n bytes, not inside a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
