package torture

import (
	"fmt"
	"io"
	"sync"
)

// rule is something that must always be true, as a report names it.
type rule string

// examplesMax bounds how many breaches of a rule are shown.
const examplesMax = 5

// checks are what was looked at, and what was found.
type checks struct {
	mu    sync.Mutex
	order []*check
	by    map[rule]*check
}

// check is one rule.
type check struct {
	rule     rule
	held     int
	broken   int
	examples []string
}

func newChecks() *checks { return &checks{by: make(map[rule]*check)} }

func (c *checks) of(r rule) *check {
	one := c.by[r]
	if one == nil {
		one = &check{rule: r}
		c.by[r] = one
		c.order = append(c.order, one)
	}
	return one
}

// held notes that a rule held in one case.
func (c *checks) held(r rule) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(r).held++
}

// none notes that there is no case in which a rule could be broken.
func (c *checks) none(r rule) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(r)
}

// broke notes that it did not.
func (c *checks) broke(r rule, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.of(r)
	one.broken++
	if len(one.examples) < examplesMax {
		one.examples = append(one.examples, fmt.Sprintf(format, args...))
	}
}

// write tells what was found. It returns whether every rule held in every case.
func (c *checks) write(w io.Writer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	well := true
	for _, one := range c.order {
		if one.broken == 0 {
			fmt.Fprintf(w, "  ok    %s: %d\n", one.rule, one.held)
			continue
		}
		well = false
		fmt.Fprintf(w, "  FAIL  %s: %d of %d\n", one.rule, one.broken, one.broken+one.held)
		for _, e := range one.examples {
			fmt.Fprintf(w, "          %s\n", e)
		}
	}
	return well
}
