package exacttarget

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"parley/internal/partnerapi"
	"parley/schemas"
)

// namedMax bounds the requests, or conversations, that a filter names: each is asked for by itself.
const namedMax = 100

// Plan says where the objects are that a Retrieve may ask for. The filter is applied to what is found there.
type Plan struct {
	// Requests are the only calls that come into question, if ByRequest; those whose owners may know of them before the record.
	Requests  []schemas.RequestID
	ByRequest bool
	// Conversations are the only ones that come into question, if ByConversation.
	Conversations  []string
	ByConversation bool
	// Search is what all results have in common that come into question otherwise.
	Search schemas.ResultsFilter
}

// Plan plans q. Its error is for RetrieveRefused.
func (q *Retrieval) Plan() (Plan, error) {
	var p Plan
	if ids, ok := named(q.Filter, "RequestID"); ok {
		p.ByRequest = true
		for _, text := range ids {
			if id, err := uuid.Parse(text); err == nil && !slices.Contains(p.Requests, id) {
				p.Requests = append(p.Requests, id)
			}
		}
		return p, tooMany(len(p.Requests), "RequestIDs")
	}
	if ids, ok := named(q.Filter, "ConversationID"); ok {
		p.ByConversation = true
		for _, id := range ids {
			if !slices.Contains(p.Conversations, id) {
				p.Conversations = append(p.Conversations, id)
			}
		}
		return p, tooMany(len(p.Conversations), "ConversationIDs")
	}
	p.narrow(q.Filter, q.PerCall())
	return p, nil
}

func tooMany(n int, what string) error {
	if n > namedMax {
		return refuse("a Filter names at most %d %s; ask in several requests", namedMax, what)
	}
	return nil
}

// named are the values of which a property must have one, for the filter to take an object; false: it may have any.
func named(f *Filter, property string) (values []string, ok bool) {
	switch {
	case f == nil:
		return nil, false
	case f.Logical == logicalAnd:
		for i := range f.Operands {
			if some, has := named(&f.Operands[i], property); has && (!ok || len(some) < len(values)) {
				values, ok = some, true
			}
		}
		return values, ok
	case f.Logical == logicalOr:
		for i := range f.Operands {
			some, has := named(&f.Operands[i], property)
			if !has {
				return nil, false
			}
			values = append(values, some...)
		}
		return values, true
	}
	return f.Values, f.Property == property && (f.Operator == opEquals || f.Operator == opIn)
}

// narrow takes into the search what holds for every object that the filter takes. What is true of an object need not be so of its
// call: for those only the time counts.
func (p *Plan) narrow(f *Filter, perCall bool) {
	switch {
	case f == nil || f.Logical == logicalOr:
	case f.Logical == logicalAnd:
		for i := range f.Operands {
			p.narrow(&f.Operands[i], perCall)
		}
	case f.Property == "ModifiedDate":
		p.bound(f)
	case f.Operator == opEquals && !perCall:
		p.is(f.Property, f.Values[0])
	}
}

func (p *Plan) is(property, value string) {
	switch property {
	case "CorrelationID":
		p.Search.CorrelationID = value
	case "CustomerKey":
		p.Search.CustomerKey = value
	case "RequestObjectType":
		p.Search.ObjectType = value
	case "StatusCode":
		p.Search.Statuses = slices.DeleteFunc(schemas.ResultStatuses(), func(s schemas.ResultStatus) bool {
			return (s == schemas.OK) != (value == partnerapi.StatusOK)
		})
	}
}

// bound takes in when a call ended, to the millisecond and with both ends.
func (p *Plan) bound(f *Filter) {
	at := func(i int) time.Time {
		t, _ := parseInstant(f.Values[i]) // it is one: see Filter.check
		return t.Truncate(time.Millisecond)
	}
	from := func(t time.Time) {
		if t.After(p.Search.From) {
			p.Search.From = t
		}
	}
	to := func(t time.Time) {
		if t = t.Add(time.Millisecond); p.Search.To.IsZero() || t.Before(p.Search.To) {
			p.Search.To = t
		}
	}
	switch f.Operator {
	case opEquals:
		from(at(0))
		to(at(0))
	case "greaterThan", "greaterThanOrEqual":
		from(at(0))
	case "lessThan", "lessThanOrEqual":
		to(at(0))
	case opBetween:
		from(at(0))
		to(at(1))
	}
}
