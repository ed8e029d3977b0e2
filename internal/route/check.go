package route

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"parley/schemas"
)

// concurrencyMax bounds Concurrency: beyond it a process runs out of sockets before it runs out of work.
const concurrencyMax = 100_000

var name = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// checker turns entries into routes and collects what is wrong with them.
type checker struct {
	problems []string
}

func (c *checker) add(problems ...string) { c.problems = append(c.problems, problems...) }

func (c *checker) table(f file, root *yaml.Node) *Table {
	if len(f.Routes) == 0 && len(c.problems) == 0 {
		c.add("there is no route; without one no call can be accepted")
	}
	t := &Table{routes: make([]Route, len(f.Routes))}
	for i, e := range f.Routes {
		at := place{checker: c, root: root, index: i}
		t.routes[i] = at.route(e)
		at.unique(t.routes[:i], t.routes[i])
	}
	return t
}

// place is one entry of the file, and the checker that is told what is wrong with it.
type place struct {
	*checker
	root  *yaml.Node
	index int
}

// refuse adds a problem of the member at a path inside the entry, as "executor", "url".
func (p place) refuse(path []string, format string, args ...any) {
	where := fmt.Sprintf("routes[%d]", p.index)
	if len(path) > 0 {
		where += "." + strings.Join(path, ".")
	}
	p.add(fmt.Sprintf("line %d: %s: %s", p.line(path), where, fmt.Sprintf(format, args...)))
}

// line is where the member at path stands, or the nearest thing around it that does.
func (p place) line(path []string) int {
	n, line := p.root, 1
	if len(n.Content) > 0 {
		n = n.Content[0]
	}
	if routes := member(n, "routes"); routes != nil && p.index < len(routes.Content) {
		n = routes.Content[p.index]
		line = n.Line
	}
	for _, name := range path {
		if n = member(n, name); n == nil {
			break
		}
		line = n.Line
	}
	return line
}

// member is the value of a member of a mapping; nil: there is none.
func member(n *yaml.Node, name string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

func (p place) route(e entry) Route {
	if !name.MatchString(e.Name) {
		p.refuse([]string{"name"}, "a name is 1 to 64 of A-Z a-z 0-9 . _ -, not %q", e.Name)
	}
	p.delivery(e)
	p.later(e.Later)
	return Route{
		Name:        e.Name,
		Match:       p.match(e),
		Executor:    p.executor(e),
		Idempotent:  e.Idempotent,
		Concurrency: p.concurrency(e),
		Retry:       p.retry(e),
	}
}

func (p place) match(e entry) Match {
	m := Match{
		Account:    orAll(e.Match.Account),
		Method:     orAll(e.Match.Method),
		ObjectType: orAll(e.Match.ObjectType),
	}
	if m.Account != All && !schemas.ValidAccount(m.Account) {
		p.refuse([]string{"match", "account"}, "an account is 1 to 64 of A-Z a-z 0-9 . _ -, or \"*\", not %q", m.Account)
	}
	if methods := []string{All, "Create", "Update", "Delete", "Perform"}; !slices.Contains(methods, m.Method) {
		p.refuse([]string{"match", "method"}, "one of %q, not %q", methods, m.Method)
	}
	if m.ObjectType == "" {
		p.refuse([]string{"match", "objectType"}, `an object type is not empty; "*" matches all`)
	}
	return m
}

func orAll(s *string) string {
	if s == nil {
		return All
	}
	return *s
}

func (p place) executor(e entry) Executor {
	switch e.Executor.Type {
	case "http":
		p.url(e.Executor.URL)
	case "":
		p.refuse([]string{"executor", "type"}, `an executor has a type: "http"`)
	default:
		p.refuse([]string{"executor", "type"}, `this version has the executor "http" only, not %q`, e.Executor.Type)
	}
	return Executor{URL: e.Executor.URL, Timeout: p.positive(e.Executor.Timeout, defaultTimeout, "executor", "timeout")}
}

func (p place) url(s string) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		p.refuse([]string{"executor", "url"}, "an absolute http or https URL, as http://127.0.0.1:9090/calls, not %q", s)
	}
}

// delivery accepts the one guarantee there is.
func (p place) delivery(e entry) {
	if e.Delivery != nil && *e.Delivery != "at-least-once" {
		p.refuse([]string{"delivery"}, `this version delivers "at-least-once" only, not %q`, *e.Delivery)
	}
}

func (p place) concurrency(e entry) int {
	if e.Concurrency == nil {
		return defaultConcurrency
	}
	if n := *e.Concurrency; n < 1 || n > concurrencyMax {
		p.refuse([]string{"concurrency"}, "from 1 to %d, not %d", concurrencyMax, n)
	}
	return *e.Concurrency
}

func (p place) retry(e entry) Retry {
	r := Retry{
		Initial: p.positive(e.Retry.Initial, defaultRetryInitial, "retry", "initial"),
		Max:     p.positive(e.Retry.Max, defaultRetryMax, "retry", "max"),
	}
	if r.Max < r.Initial {
		p.refuse([]string{"retry", "max"}, "max (%s) is less than initial (%s)", r.Max, r.Initial)
	}
	if e.Retry.MaxAttempts != nil {
		r.MaxAttempts = *e.Retry.MaxAttempts
	}
	if r.MaxAttempts < 0 {
		p.refuse([]string{"retry", "maxAttempts"}, "0 (until it answers) or more, not %d", r.MaxAttempts)
	}
	return r
}

func (p place) positive(d *duration, byDefault time.Duration, path ...string) time.Duration {
	if d == nil {
		return byDefault
	}
	if *d <= 0 {
		p.refuse(path, "more than nothing, not %s", time.Duration(*d))
	}
	return time.Duration(*d)
}

// unique refuses a second route of a name, and a route that an earlier one leaves nothing to.
func (p place) unique(earlier []Route, r Route) {
	for i, other := range earlier {
		if other.Name == r.Name {
			p.refuse([]string{"name"}, "routes[%d] is already named %q", i, r.Name)
		}
		if other.Match.covers(r.Match) {
			p.refuse([]string{"match"}, "never matches: routes[%d] (%s) comes first and takes all of it", i, other.Name)
		}
	}
}
