package route_test

import (
	"testing"

	"parley/internal/route"
	parleyv1 "parley/schemas/parley/v1"
)

const table = `
routes:
  - name: acme-rows
    match: {account: acme, method: Create, objectType: Row}
    executor: {type: http, url: "http://127.0.0.1:9090/acme"}
  - name: rows
    match: {objectType: Row}
    executor: {type: http, url: "http://127.0.0.1:9090/rows"}
  - name: performs
    match: {method: Perform}
    executor: {type: http, url: "http://127.0.0.1:9090/performs"}
`

func parse(t *testing.T, text string) *route.Table {
	t.Helper()
	table, err := route.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestMatchTakesTheFirstRoute(t *testing.T) {
	t.Parallel()
	tests := []struct{ account, method, objectType, want string }{
		{"acme", "Create", "Row", "acme-rows"},
		{"acme", "Update", "Row", "rows"},
		{"other", "Create", "Row", "rows"},
		{"acme", "Perform", "Row", "rows"},
		{"acme", "Perform", "Import", "performs"},
		{"acme", "Create", "Import", ""},
		{"acme", "Create", "row", ""}, // case sensitive
		{"acme", "Create", "*", ""},   // a value, not a pattern
	}
	routes := parse(t, table)
	for _, tt := range tests {
		got := ""
		if r, ok := routes.Match(tt.account, tt.method, tt.objectType); ok {
			got = r.Name
		}
		if got != tt.want {
			t.Errorf("Match(%s, %s, %s) = %q, want %q", tt.account, tt.method, tt.objectType, got, tt.want)
		}
	}
}

func TestForCall(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		types         []string
		route         string
		code, pointer string
	}{
		{name: "one object", types: []string{"Row"}, route: "rows"},
		{name: "several of one route", types: []string{"Row", "Row", "Row"}, route: "rows"},
		{name: "none", types: []string{"Import"}, code: "RouteNotFound", pointer: "/objects/0/type"},
		{name: "no objects", code: "NoObjects", pointer: "/objects"},
		{name: "none for the second", types: []string{"Row", "Import"}, code: "RouteNotFound", pointer: "/objects/1/type"},
	}
	routes := parse(t, table)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			check(t, routes, call("Create", tt.types...), tt.route, tt.code, tt.pointer)
		})
	}
	t.Run("a message each", func(t *testing.T) {
		t.Parallel()
		byMail := parse(t, "routes: [{name: mail, executor: {type: smtp, url: 'smtp://h', from: a@b}}]")
		check(t, byMail, call("Create", "TriggeredSend"), "mail", "", "")
		check(t, byMail, call("Create", "TriggeredSend", "TriggeredSend"), "", "TooManyObjects", "/objects/1")
	})
	t.Run("several routes", func(t *testing.T) {
		t.Parallel()
		check(t, routes, call("Perform", "Row", "Row", "Import"), "", "MixedRoutes", "/objects/2/type")
	})
}

func check(t *testing.T, routes *route.Table, c *parleyv1.Call, name, code, pointer string) {
	t.Helper()
	r, p := routes.ForCall(c)
	switch {
	case p == nil && r.Name != name:
		t.Errorf("route %q, want %q", r.Name, name)
	case p == nil && code != "":
		t.Errorf("route %q, want %s", r.Name, code)
	case p != nil && (string(p.Code) != code || p.Pointer != pointer || p.Detail == ""):
		t.Errorf("problem %q, want %s at %s", p, code, pointer)
	}
}

func call(method string, types ...string) *parleyv1.Call {
	c := &parleyv1.Call{Account: "default", Method: method}
	for _, t := range types {
		c.Objects = append(c.Objects, &parleyv1.Object{Type: t})
	}
	return c
}

func TestDefaultTakesEverything(t *testing.T) {
	t.Parallel()
	r, p := route.Default("http://127.0.0.1:9090/calls").ForCall(call("Delete", "Anything", "Else"))
	if p != nil {
		t.Fatal(p)
	}
	if r.Name != "default" || r.Executor.URL != "http://127.0.0.1:9090/calls" || r.Executor.Timeout <= 0 || r.Concurrency <= 0 {
		t.Errorf("route %+v", r)
	}
}

// The two ways to say it are one.
func TestDefaultIsWhatItsYAMLSays(t *testing.T) {
	t.Parallel()
	written := parse(t, `routes: [{name: default, executor: {type: http, url: "http://127.0.0.1:9090/calls"}}]`)
	if got, want := written.Routes()[0], route.Default("http://127.0.0.1:9090/calls").Routes()[0]; got != want {
		t.Errorf("written %+v, default %+v", got, want)
	}
}
