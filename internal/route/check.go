package route

import (
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"parley/schemas"
)

// Bounds of what a route may say.
const (
	// concurrencyMax: beyond it a process runs out of sockets before it runs out of work.
	concurrencyMax = 100_000
	// rateLimitMin is a call in 1,000 s, rateLimitMax more than a process can begin.
	rateLimitMin = 0.001
	rateLimitMax = 1_000_000
	// timeoutMax: after a crash, an at-most-once call waits as long before it is declared unknown.
	timeoutMax = time.Hour
	// retryMax: who is back after a longer outage waits at most a day.
	retryMax    = 24 * time.Hour
	attemptsMax = 1_000_000
	// deferTimeoutMax is as far ahead as a call can be scheduled.
	deferTimeoutMax = 366 * 24 * time.Hour
	// batchMax calls of the longest kind are 1 GiB, which one request must hold in memory.
	batchMax  = 1000
	lingerMax = time.Minute
)

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

func (p place) route(e entry) Route {
	if !name.MatchString(e.Name) {
		p.refuse([]string{"name"}, "a name is 1 to 64 of A-Z a-z 0-9 . _ -, not %q", e.Name)
	}
	r := Route{
		Name:         e.Name,
		Match:        p.match(e.Match),
		Executor:     p.executor(e.Executor),
		Idempotent:   e.Idempotent,
		Concurrency:  p.concurrency(e.Concurrency.at),
		RateLimit:    p.rateLimit(e.RateLimit),
		Retry:        p.retry(e.Retry),
		DeferTimeout: p.within(e.DeferTimeout.at, defaultDeferTimeout, deferTimeoutMax, "deferTimeout"),
		Batch:        p.batch(e.Batch),
	}
	r.Delivery = p.delivery(e.Delivery.at, r.Executor.Type)
	p.together(r)
	return r
}

func (p place) match(e matchEntry) Match {
	m := Match{
		Account:    orAll(e.Account.at),
		Method:     orAll(e.Method.at),
		ObjectType: orAll(e.ObjectType.at),
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

// delivery is the guarantee of a route whose executor has that type.
func (p place) delivery(d *Delivery, executor string) Delivery {
	said := AtLeastOnce
	switch {
	case d != nil:
		said = *d
	case executor == SMTP:
		said = AtMostOnce
	}
	switch {
	case !slices.Contains([]Delivery{AtLeastOnce, AtMostOnce, ExactlyOnce}, said):
		p.refuse([]string{"delivery"}, "one of %q, not %q", []Delivery{AtLeastOnce, AtMostOnce, ExactlyOnce}, said)
	case executor == Kafka && said == AtMostOnce:
		p.refuse([]string{"delivery"}, "a kafka executor is always exactly-once; leave delivery out")
	case executor == SMTP && said != AtMostOnce:
		p.refuse([]string{"delivery"}, "an smtp executor is always at-most-once, as nobody wants a message twice; leave delivery out")
	case executor == HTTP && said == ExactlyOnce:
		p.refuse([]string{"delivery"}, "nobody can promise exactly-once over http; use at-least-once (with idempotent: true if the backend knows a repeated Idempotency-Key), at-most-once, or a kafka executor")
	case executor == Kafka:
		return ExactlyOnce
	}
	return said
}

// together refuses what each is right alone, and not with the other.
func (p place) together(r Route) {
	if r.Idempotent && r.Delivery != AtLeastOnce {
		p.refuse([]string{"idempotent"}, "says what the backend makes of a repeated call, but a route that is %s repeats none; leave it out", r.Delivery)
	}
	if r.Batch.Max > 1 && r.Delivery == AtMostOnce {
		p.refuse([]string{"batch"}, "one lost answer would leave all calls of a request unknown on an at-most-once route; leave batch out")
	}
	if r.Batch.Max > 1 && r.Executor.Type == Kafka {
		p.refuse([]string{"batch"}, "a kafka executor writes a record for each call; leave batch out")
	}
}

func (p place) concurrency(n *int) int {
	if n == nil {
		return defaultConcurrency
	}
	if *n < 1 || *n > concurrencyMax {
		p.refuse([]string{"concurrency"}, "from 1 to %d, not %d", concurrencyMax, *n)
	}
	return *n
}

func (p place) rateLimit(perSecond float64) float64 {
	if perSecond != 0 && !(perSecond >= rateLimitMin && perSecond <= rateLimitMax) { // nor is it no number
		p.refuse([]string{"rateLimit"}, "calls per second from %v to %d, or 0 for no limit, not %v", rateLimitMin, rateLimitMax, perSecond)
	}
	return perSecond
}

func (p place) retry(e retryEntry) Retry {
	r := Retry{
		Initial: p.within(e.Initial.at, defaultRetryInitial, retryMax, "retry", "initial"),
		Max:     p.within(e.Max.at, defaultRetryMax, retryMax, "retry", "max"),
	}
	if r.Max < r.Initial {
		p.refuse([]string{"retry", "max"}, "max (%s) is less than initial (%s)", r.Max, r.Initial)
	}
	if e.MaxAttempts.at != nil {
		r.MaxAttempts = *e.MaxAttempts.at
	}
	if r.MaxAttempts < 0 || r.MaxAttempts > attemptsMax {
		p.refuse([]string{"retry", "maxAttempts"}, "from 1 to %d, or 0 (until it answers), not %d", attemptsMax, r.MaxAttempts)
	}
	return r
}

func (p place) batch(e batchEntry) Batch {
	var b Batch
	if e.Max.at != nil {
		b.Max = *e.Max.at
	}
	if b.Max < 0 || b.Max > batchMax {
		p.refuse([]string{"batch", "max"}, "from 1 (each call is a request of its own) to %d, not %d", batchMax, b.Max)
	}
	switch {
	case b.Max > 1:
		b.Linger = p.within(e.Linger.at, defaultLinger, lingerMax, "batch", "linger")
	case e.Linger.at != nil:
		p.refuse([]string{"batch", "linger"}, "waits for nothing while max is not above 1; give max, or leave batch out")
	}
	return b
}

// within is a duration above zero that is at most longest.
func (p place) within(d *duration, byDefault, longest time.Duration, path ...string) time.Duration {
	if d == nil {
		return byDefault
	}
	if got := time.Duration(*d); got <= 0 || got > longest {
		p.refuse(path, "more than nothing and at most %s, not %s", longest, got)
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
