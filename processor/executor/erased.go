package executor

import (
	"slices"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Withheld reports whether nothing of a call goes out: all of its objects have been erased.
func Withheld(call *parleyv1.Call) bool {
	return len(call.Objects) > 0 && !slices.ContainsFunc(call.Objects, func(o *parleyv1.Object) bool { return o.Erased == 0 })
}

// LateOutcome says what an answer means for a call, as Outcome does, when its objects may have been erased since the attempt
// that it answers began. Ordinals and positions count the objects that went out with the attempt; the others are Withheld.
// What contradicts that, or answers an attempt of which nothing went out, is to an earlier attempt, as a backend may give it
// that knows the Idempotency-Key: it speaks of all objects of the call.
func LateOutcome(a *schemas.Answer, call *parleyv1.Call, attempt int32) conversation.Outcome {
	if a.Failed {
		return failed(a.Code, a.Message)
	}
	sent := sentWith(call, attempt)
	if 0 < len(sent) && len(sent) < len(call.Objects) {
		if o := matched(a, sent); o.Kind == conversation.Answered {
			o.Results = spread(o.Results, call.Objects, attempt)
			return o
		}
	}
	return matched(a, call.Objects)
}

// goesWith reports whether an object goes out with an attempt.
func goesWith(o *parleyv1.Object, attempt int32) bool { return o.Erased == 0 || o.Erased > attempt }

// remaining are the objects of a call that can go out.
func remaining(call *parleyv1.Call) []*parleyv1.Object {
	return without(call.Objects, func(o *parleyv1.Object) bool { return o.Erased > 0 })
}

// sentWith are the objects of a call that went out with an attempt.
func sentWith(call *parleyv1.Call, attempt int32) []*parleyv1.Object {
	return without(call.Objects, func(o *parleyv1.Object) bool { return !goesWith(o, attempt) })
}

// without is a slice without some of its objects, or the slice itself.
func without(objects []*parleyv1.Object, drop func(*parleyv1.Object) bool) []*parleyv1.Object {
	if !slices.ContainsFunc(objects, drop) {
		return objects
	}
	return slices.DeleteFunc(slices.Clone(objects), drop)
}

// spread puts what came of the objects that went out in the places of the call's objects.
func spread(results []conversation.ObjectOutcome, objects []*parleyv1.Object, attempt int32) []conversation.ObjectOutcome {
	out := make([]conversation.ObjectOutcome, len(objects))
	for i, o := range objects {
		if !goesWith(o, attempt) {
			out[i].Withheld = true
			continue
		}
		out[i], results = results[0], results[1:]
	}
	return out
}
