package executor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// What a backend says is recorded for every object: longer texts are cut.
const (
	codeBytesMax    = 200
	messageBytesMax = 2_000
)

// Outcome says what an answer means for a call, whichever way it came; progress is no answer. Results are matched to
// objects by ordinal, else by correlationId, else by position; an object of which nothing was said is well. A result
// of no object, a second one of the same object, and a status that is none, are Failed as InvalidResponse. All texts of
// an outcome are valid UTF-8 and short enough to be recorded.
func Outcome(a *schemas.Answer, call *parleyv1.Call) conversation.Outcome {
	if a.Failed {
		return failed(a.Code, a.Message)
	}
	out := make([]conversation.ObjectOutcome, len(call.Objects))
	taken := make([]bool, len(call.Objects))
	for i := range a.Results {
		r := &a.Results[i]
		object, err := objectOf(i, r, call)
		if err != nil {
			return invalid("result %d: %v", i, err)
		}
		if taken[object] {
			return invalid("result %d: object %d has a result already", i, object)
		}
		if r.Status != schemas.OK && r.Status != schemas.Error {
			return invalid("result %d: status %q is neither OK nor Error", i, clip(string(r.Status), codeBytesMax))
		}
		taken[object] = true
		out[object] = objectOutcome(r)
	}
	o := conversation.Outcome{Kind: conversation.Answered, Results: out}
	o.Code, o.Message = common(out)
	return o
}

func objectOf(position int, r *schemas.AnswerResult, call *parleyv1.Call) (int, error) {
	switch {
	case r.Ordinal != nil:
		i := int(*r.Ordinal)
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

func objectOutcome(r *schemas.AnswerResult) conversation.ObjectOutcome {
	o := conversation.ObjectOutcome{Failed: r.Status == schemas.Error, Message: text(r.Message, messageBytesMax)}
	if o.Failed {
		o.Code = code(r.ErrorCode)
	}
	return o
}

// common is why a call failed all of whose objects failed: the reason that they share. Empty: not all failed.
func common(objects []conversation.ObjectOutcome) (why schemas.Code, message string) {
	if len(objects) == 0 || slices.ContainsFunc(objects, func(o conversation.ObjectOutcome) bool { return !o.Failed }) {
		return "", ""
	}
	why, message = objects[0].Code, objects[0].Message
	for _, o := range objects {
		if o.Code != why {
			why = ""
		}
		if o.Message != message {
			message = fmt.Sprintf("all %d objects failed", len(objects))
		}
	}
	return cmp.Or(why, schemas.CallFailed), message
}

func transient(message string) conversation.Outcome {
	return conversation.Outcome{Kind: conversation.Transient, Code: schemas.CallFailed, Message: text(message, messageBytesMax)}
}

func failed(why schemas.Code, message string) conversation.Outcome {
	return conversation.Outcome{Kind: conversation.Failed, Code: code(why), Message: text(message, messageBytesMax)}
}

func invalid(format string, args ...any) conversation.Outcome {
	return failed(schemas.InvalidResponse, fmt.Sprintf(format, args...))
}

func code(c schemas.Code) schemas.Code { return schemas.Code(text(string(c), codeBytesMax)) }

// text makes s one that an event can hold: a status line, say, is whatever bytes the backend likes.
func text(s string, bytesMax int) string { return clip(strings.ToValidUTF8(s, "\uFFFD"), bytesMax) }

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
