package subscriber

import (
	"slices"

	"parley/internal/control"
	parleyv1 "parley/schemas/parley/v1"
)

// event is one of parley.results, as far as subscribers choose by it.
type event struct {
	partition int32
	offset    int64
	account   string
	kind      string
	body      *parleyv1.ResultEvent
}

// wants reports whether an event belongs into the queue of a subscriber.
func wants(s *control.Subscriber, e event) bool {
	if !s.Live() || s.Account != e.account || !slices.Contains(s.TransactionTypes, e.kind) {
		return false
	}
	if int(e.partition) < len(s.Begins) && e.offset < s.Begins[e.partition] {
		return false // it was there before the subscriber
	}
	call := e.body.GetCall()
	if call == nil || len(s.ObjectTypes) == 0 {
		return true
	}
	return slices.ContainsFunc(call.Results, func(o *parleyv1.ObjectResult) bool { return slices.Contains(s.ObjectTypes, o.ObjectType) })
}

// audience are the subscribers that there are, by their accounts.
type audience map[string][]*control.Subscriber

func audienceOf(all []*control.Subscriber) audience {
	a := make(audience)
	for _, s := range all {
		if s.Live() {
			a[s.Account] = append(a[s.Account], s)
		}
	}
	return a
}

// mayWant reports whether anybody may want an event of an account and a kind: then it is worth reading.
func (a audience) mayWant(account, kind string) bool {
	return slices.ContainsFunc(a[account], func(s *control.Subscriber) bool { return slices.Contains(s.TransactionTypes, kind) })
}
