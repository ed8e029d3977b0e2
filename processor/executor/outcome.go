package executor

import (
	"cmp"
	"fmt"
	"math"
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
//
// The answer is to an attempt that was just made, of which erased objects were no part: see LateOutcome.
func Outcome(a *schemas.Answer, call *parleyv1.Call) conversation.Outcome {
	return LateOutcome(a, call, math.MaxInt32)
}

// matched says what an answer means for the objects that its ordinals and positions count.
func matched(a *schemas.Answer, objects []*parleyv1.Object) conversation.Outcome {
	out := make([]conversation.ObjectOutcome, len(objects))
	taken := make([]bool, len(objects))
	for i := range a.Results {
		r := &a.Results[i]
		object, err := objectOf(i, r, objects)
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
		out[object] = objectOutcome(r, objects[object])
	}
	o := conversation.Outcome{Kind: conversation.Answered, Results: out}
	o.Code, o.Message = common(out)
	return o
}

func objectOf(position int, r *schemas.AnswerResult, objects []*parleyv1.Object) (int, error) {
	switch {
	case r.Ordinal != nil:
		i := int(*r.Ordinal)
		if i < 0 || i >= len(objects) {
			return 0, fmt.Errorf("ordinal %d, but the call has %d objects", i, len(objects))
		}
		if r.CorrelationID != "" && r.CorrelationID != objects[i].CorrelationId {
			return 0, fmt.Errorf("object %d has another correlationId", i)
		}
		return i, nil
	case r.CorrelationID != "":
		for i, o := range objects {
			if o.CorrelationId == r.CorrelationID {
				return i, nil
			}
		}
		return 0, fmt.Errorf("no object has the correlationId %q", clip(r.CorrelationID, codeBytesMax))
	case position >= len(objects):
		return 0, fmt.Errorf("the call has %d objects only", len(objects))
	}
	return position, nil
}

func objectOutcome(r *schemas.AnswerResult, object *parleyv1.Object) conversation.ObjectOutcome {
	if object.Erased > 0 && r.ErrorCode == schemas.Erased { // so a former owner says that it was no part of the attempt
		return conversation.ObjectOutcome{Withheld: true}
	}
	o := conversation.ObjectOutcome{Failed: r.Status == schemas.Error, Message: text(r.Message, messageBytesMax)}
	if o.Failed {
		o.Code = code(r.ErrorCode)
	}
	return o
}

// common is why a call failed all of whose objects failed that went out: the reason that they share. Empty: not all failed.
func common(objects []conversation.ObjectOutcome) (why schemas.Code, message string) {
	failed := func(o conversation.ObjectOutcome) bool { return o.Failed }
	well := func(o conversation.ObjectOutcome) bool { return !o.Failed && !o.Withheld }
	first := slices.IndexFunc(objects, failed)
	if first < 0 || slices.ContainsFunc(objects, well) {
		return "", ""
	}
	why, message = objects[first].Code, objects[first].Message
	for _, o := range objects {
		if o.Failed && o.Code != why {
			why = ""
		}
		if o.Failed && o.Message != message {
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
