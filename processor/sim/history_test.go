package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// history is what was seen in a run from outside.
type history struct {
	start time.Time

	mu       sync.Mutex
	attempts []*attempt
	notes    []note
	logged   []note
	// acknowledged are the values of the records that the broker has taken.
	acknowledged map[place]string
}

// attempt is one request that reached the backend.
type attempt struct {
	conversation, content string
	seq                   int32
	requestID             string
	number                int32
	fence                 int64
	process               *process
	route                 string
	// about: it had an object of the person who is erased.
	about        bool
	begun, ended time.Time
	outcome      string
	// unleased: the group had given the process up by then, as far as the process could know.
	unleased bool
}

// note is something that happened.
type note struct {
	at   time.Time
	text string
	// conversation that it is about; empty: all.
	conversation string
}

func (h *history) begin(a attempt) *attempt {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attempts = append(h.attempts, &a)
	return &a
}

func (h *history) end(a *attempt, at time.Time, outcome string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a.ended, a.outcome = at, outcome
}

func (h *history) acknowledge(value string, at place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acknowledged[at] = value
}

func (h *history) note(conversation, format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, note{time.Now(), fmt.Sprintf(format, args...), conversation})
}

func (h *history) log(process, line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logged = append(h.logged, note{at: time.Now(), text: process + " says: " + strings.TrimSpace(line)})
}

// answered reports whether the backend has said how the call ends.
func (a *attempt) answered() bool {
	switch a.outcome {
	case "", cancelled, comeAgain, unsent, later:
		return false
	}
	return true
}

func (a *attempt) notes() []note {
	name := fmt.Sprintf("%s attempt %d by %s, fence %d", a.content, a.number, a.process.name, a.fence)
	if a.unleased {
		name += " (without lease)"
	}
	out := []note{{a.begun, name + " begins", a.conversation}}
	if !a.ended.IsZero() {
		out = append(out, note{a.ended, name + " ends: " + a.outcome, a.conversation})
	}
	return out
}

// tell is all that happened, in the order of time, as lines. With a conversation: what has to do with that.
func (h *history) tell(more []note, conversation string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Concat(h.notes, more)
	for _, a := range h.attempts {
		all = append(all, a.notes()...)
	}
	if conversation != "" {
		all = slices.Concat(all, h.logged)
	}
	slices.SortStableFunc(all, func(a, b note) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.text, b.text))
	})
	var out []string
	for _, n := range all {
		if conversation == "" || n.conversation == "" || n.conversation == conversation {
			out = append(out, fmt.Sprintf("%13.6f  %s", n.at.Sub(h.start).Seconds(), n.text))
		}
	}
	return out
}
