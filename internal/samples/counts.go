package samples

import (
	"fmt"
	"strings"
)

// Counts is what is in the file and what comes of it on a Parley that has not seen it before, with the demo
// backend, as soon as everything that can be executed has been.
type Counts struct {
	Lines         int // of the file
	Resent        int // of these, lines that repeat another
	Conversations int

	ConversationsComplete int
	ConversationsError    int
	ConversationsStaging  int // a part is missing; after the part timeout they end, too

	CallsOK           int
	CallsHasErrors    int
	CallsError        int
	CallsNotProcessed int
	CallsRejected     int
	CallsStaged       int

	Retried int // calls that fail at first, and are OK in the end
}

// Calls is the number of different calls.
func (c Counts) Calls() int { return c.Lines - c.Resent }

// Table is the counts in Markdown, as README.md has them.
func (c Counts) Table() string {
	var b strings.Builder
	b.WriteString("| what | how many |\n|---|---|\n")
	for _, r := range []struct {
		what  string
		count int
	}{
		{"lines", c.Lines},
		{"lines that repeat another (resent)", c.Resent},
		{"different calls", c.Calls()},
		{"conversations", c.Conversations},
		{"conversations that end `Complete`", c.ConversationsComplete},
		{"conversations that end in `Error`", c.ConversationsError},
		{"conversations that stay `Staging`, a part is missing", c.ConversationsStaging},
		{"calls that end `OK`", c.CallsOK},
		{"calls that end `HasErrors`", c.CallsHasErrors},
		{"calls that end in `Error`", c.CallsError},
		{"calls that end `NotProcessed`", c.CallsNotProcessed},
		{"calls that are `Rejected`", c.CallsRejected},
		{"calls that stay `Staged`", c.CallsStaged},
		{"calls that are retried before they end `OK`", c.Retried},
	} {
		fmt.Fprintf(&b, "| %s | %d |\n", r.what, r.count)
	}
	return b.String()
}
