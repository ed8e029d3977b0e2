package route

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Table is a list of routes, of which the first that matches takes a call.
type Table struct {
	routes []Route
}

// Default is the table with one route, named "default", that takes everything to an HTTP backend.
func Default(url string) *Table {
	return &Table{routes: []Route{{
		Name:         "default",
		Match:        Match{Account: All, Method: All, ObjectType: All},
		Executor:     Executor{Type: HTTP, URL: url, Timeout: defaultTimeout},
		Delivery:     AtLeastOnce,
		Concurrency:  defaultConcurrency,
		Retry:        Retry{Initial: defaultRetryInitial, Max: defaultRetryMax},
		DeferTimeout: defaultDeferTimeout,
	}}}
}

const (
	defaultTimeout      = 10 * time.Second
	defaultConcurrency  = 256
	defaultRetryInitial = 200 * time.Millisecond
	defaultRetryMax     = 30 * time.Second
	defaultDeferTimeout = 24 * time.Hour
	defaultLinger       = 5 * time.Millisecond
)

// Routes returns the routes in their order. The caller must not change them.
func (t *Table) Routes() []Route { return t.routes }

// Named returns the route of that name; false: there is none. The route is shared and must not be changed.
func (t *Table) Named(name string) (*Route, bool) {
	for i := range t.routes {
		if t.routes[i].Name == name {
			return &t.routes[i], true
		}
	}
	return nil, false
}

// Match returns the route of one object; false: there is none. The route is shared and must not be changed.
func (t *Table) Match(account, method, objectType string) (*Route, bool) {
	for i := range t.routes {
		if t.routes[i].Match.takes(account, method, objectType) {
			return &t.routes[i], true
		}
	}
	return nil, false
}

// ForCall returns the one route that takes all objects of a call; else what is wrong: RouteNotFound, MixedRoutes when its
// objects belong to different routes, NoObjects, or TooManyObjects for an executor that carries out one.
func (t *Table) ForCall(call *parleyv1.Call) (*Route, *schemas.Problem) {
	var first *Route
	for i, o := range call.Objects {
		r, ok := t.Match(call.Account, call.Method, o.Type)
		if !ok {
			return nil, &schemas.Problem{
				Code:    schemas.RouteNotFound,
				Pointer: typePointer(i),
				Detail:  fmt.Sprintf("no route takes %s of %.100q for account %q; check the type, or have a route added", call.Method, o.Type, call.Account),
			}
		}
		if first == nil {
			first = r
		}
		if r != first {
			return nil, &schemas.Problem{
				Code:    schemas.MixedRoutes,
				Pointer: typePointer(i),
				Detail: fmt.Sprintf("%.100q goes by route %q, the objects before it by %q; send them as separate calls",
					o.Type, r.Name, first.Name),
			}
		}
	}
	if first == nil {
		return nil, &schemas.Problem{Code: schemas.NoObjects, Pointer: "/objects", Detail: "a call acts on at least one object"}
	}
	if first.Executor.Type == SMTP && len(call.Objects) > 1 {
		return nil, &schemas.Problem{
			Code:    schemas.TooManyObjects,
			Pointer: "/objects/1",
			Detail: fmt.Sprintf("a call by route %q is one message, which is never sent twice, so it has one object; make a call of each",
				first.Name),
		}
	}
	return first, nil
}

// Apart refuses routes that would write to the topics of Parley itself, or to those of tenants, or have answers read from
// there. The error is an *Error.
func (t *Table) Apart(own schemas.Topics) error {
	reserved := own.Own()
	var problems []string
	for i, r := range t.routes {
		for _, used := range []string{r.Executor.Topic, r.Executor.ReplyTopic} {
			if used != "" && (slices.Contains(reserved, used) || strings.HasPrefix(used, own.Inboxes) || own.IsSubscriber(used)) {
				problems = append(problems, fmt.Sprintf("routes[%d] (%s): %q is a topic of Parley itself; name another", i, r.Name, used))
			}
		}
	}
	if len(problems) > 0 {
		return &Error{Problems: problems}
	}
	return nil
}

func typePointer(object int) string { return fmt.Sprintf("/objects/%d/type", object) }
