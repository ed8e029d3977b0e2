package schemas

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// AnswerBytesMax bounds a late answer: 1,000 results with every text at its longest.
const AnswerBytesMax = 8 << 20

// Answer is the late answer to a deferred call: the body of POST /v1/deferred/{token}, and with its token the value of
// an answer record on parley.calls. It is one of three: results (none: every object is well), a failure of the call as
// a whole, or progress.
type Answer struct {
	// Token names the call. Empty in a body, whose path has it.
	Token string
	// Results say what came of objects, as in an answer of the http executor.
	Results []AnswerResult
	// Failed is set when the call failed as a whole, with Code (never empty then) and Message.
	Failed  bool
	Code    Code
	Message string
	// Processed is how many objects have been processed so far; nil: this is the answer itself.
	Processed *int32
}

// AnswerResult says what came of one object: the one with that ordinal, else that correlation id, else the one at the
// result's own position.
type AnswerResult struct {
	Ordinal       *int32 `json:"ordinal,omitzero"`
	CorrelationID string `json:"correlationId,omitzero"`
	// Status is OK or Error.
	Status    ResultStatus `json:"status"`
	ErrorCode Code         `json:"errorCode,omitzero"`
	Message   string       `json:"message,omitzero"`
}

// answerJSON is an answer in its JSON form.
type answerJSON struct {
	Token     string             `json:"token,omitzero"`
	Results   []answerResultJSON `json:"results,omitzero"`
	Status    CallStatus         `json:"status,omitzero"`
	ErrorCode Code               `json:"errorCode,omitzero"`
	Message   string             `json:"message,omitzero"`
	Processed *int32             `json:"processed,omitzero"`
}

// answerResultJSON is a result as a backend may give it: what the object has become is the backend's own affair.
type answerResultJSON struct {
	AnswerResult `json:",inline"`
	Object       jsontext.Value `json:"object,omitzero"`
}

// DecodeAnswer reads an answer in its JSON form. Names are case sensitive; unknown and repeated members are refused.
// Whether the token is good, and whether the results go with the call's objects, is for others to say. The answer keeps
// nothing of b.
func DecodeAnswer(b []byte) (*Answer, *Problem) {
	if len(b) > AnswerBytesMax {
		return nil, problem(TooLarge, "", "an answer has at most %d bytes, this one has %d", AnswerBytesMax, len(b))
	}
	var in answerJSON
	if p := decodeObject(b, &in, "an answer"); p != nil {
		return nil, p
	}
	if p := in.check(); p != nil {
		return nil, p
	}
	out := &Answer{Token: in.Token, Failed: in.Status == Error, Code: in.ErrorCode, Message: in.Message, Processed: in.Processed}
	if out.Failed {
		out.Code = cmp.Or(out.Code, CallFailed)
	}
	for i := range in.Results {
		out.Results = append(out.Results, in.Results[i].AnswerResult)
	}
	return out, nil
}

// decodeObject reads a JSON object strictly; what is its name in a problem.
func decodeObject(b []byte, into any, what string) *Problem {
	if err := json.Unmarshal(b, into, decodeOptions); err != nil {
		return decodeProblem(err)
	}
	if jsontext.Value(b).Kind() == 'n' {
		return problem(InvalidBody, "", "%s is an object, not null", what)
	}
	return nil
}

// check refuses an answer that is more than one of the three, or none.
func (a *answerJSON) check() *Problem {
	switch {
	case a.Status != "" && a.Status != Error:
		return problem(InvalidBody, "/status", `the status of an answer is "Error", and absent when the call did not fail, not %q`, short(string(a.Status)))
	case a.Status == "" && a.ErrorCode != "":
		return problem(InvalidBody, "/errorCode", `goes with "status": "Error"`)
	case a.Status == "" && a.Message != "":
		return problem(InvalidBody, "/message", `goes with "status": "Error"`)
	case a.Status == Error && len(a.Results) > 0:
		return problem(InvalidBody, "/results", "a call that failed as a whole has no results")
	case a.Processed == nil:
		return a.checkResults()
	case a.Status == Error || len(a.Results) > 0:
		return problem(InvalidBody, "/processed", "is progress, and goes with nothing else: leave it out of the answer itself")
	case *a.Processed < 0:
		return problem(InvalidBody, "/processed", "a number of objects, not %d", *a.Processed)
	}
	return nil
}

func (a *answerJSON) checkResults() *Problem {
	for i, r := range a.Results {
		if r.Status != OK && r.Status != Error {
			return problem(InvalidBody, fmt.Sprintf("/results/%d/status", i), "the status of a result is OK or Error, not %q", short(string(r.Status)))
		}
		if r.Ordinal != nil && *r.Ordinal < 0 {
			return problem(InvalidBody, fmt.Sprintf("/results/%d/ordinal", i), "an ordinal counts the objects of the call from 0")
		}
	}
	return nil
}

// EncodeAnswer is the inverse of DecodeAnswer. The error says that a text is not valid UTF-8.
func EncodeAnswer(a *Answer) ([]byte, error) {
	out := answerJSON{Token: a.Token, Processed: a.Processed}
	if a.Failed {
		out.Status, out.ErrorCode, out.Message = Error, a.Code, a.Message
	}
	for _, r := range a.Results {
		out.Results = append(out.Results, answerResultJSON{AnswerResult: r})
	}
	return json.Marshal(&out)
}

// AnswerDigest tells a repeated answer from one that says something else: answers with equal digests mean the same for
// any call, whatever the spelling of their JSON, the order of their results, and their token. It is the first 8 bytes
// of a SHA-256 and never zero. Changing how it is made is a change of the state's format.
func AnswerDigest(a *Answer) uint64 {
	h := sha256.New()
	var scratch []byte
	number := func(n int64) {
		scratch = binary.AppendVarint(scratch[:0], n)
		h.Write(scratch)
	}
	text := func(s string) {
		number(int64(len(s)))
		h.Write([]byte(s))
	}
	switch {
	case a.Processed != nil:
		number(2)
		number(int64(*a.Processed))
	case a.Failed:
		number(1)
		text(string(a.Code))
		text(a.Message)
	default:
		number(0)
	}
	for _, r := range inOrder(a.Results) {
		number(int64(*r.Ordinal))
		text(r.CorrelationID)
		text(string(r.Status))
		text(string(r.ErrorCode))
		text(r.Message)
	}
	return max(1, binary.BigEndian.Uint64(h.Sum(nil)))
}

// inOrder returns the results by their ordinals, then their correlation ids. One that had neither has its position as
// its ordinal, one with a correlation id alone has -1. A code beside OK means nothing and is left out.
func inOrder(results []AnswerResult) []AnswerResult {
	out := slices.Clone(results)
	for i := range out {
		if r := &out[i]; r.Ordinal == nil {
			ordinal := int32(i)
			if r.CorrelationID != "" {
				ordinal = -1
			}
			r.Ordinal = &ordinal
		}
		if out[i].Status == OK {
			out[i].ErrorCode = ""
		}
	}
	slices.SortStableFunc(out, func(a, b AnswerResult) int {
		return cmp.Or(cmp.Compare(*a.Ordinal, *b.Ordinal), cmp.Compare(a.CorrelationID, b.CorrelationID))
	})
	return out
}
