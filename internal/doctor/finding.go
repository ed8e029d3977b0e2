package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Verdict is what a finding comes to.
type Verdict string

// Verdicts, from the best to the worst.
const (
	OK Verdict = "ok"
	// Unknown: nobody could tell.
	Unknown Verdict = "unknown"
	// Warning: it works, and something is not as good as it should be, or may come.
	Warning Verdict = "warning"
	// Failure: something does not work, or what was promised is not kept.
	Failure Verdict = "failure"
)

// verdicts are all of them, from the best to the worst.
var verdicts = []Verdict{OK, Unknown, Warning, Failure}

// Finding is what came of one look at one thing.
type Finding struct {
	// Check is the name of the check.
	Check Check `json:"check"`
	// Subject is what was looked at.
	Subject string  `json:"subject"`
	Verdict Verdict `json:"verdict"`
	// Found is what is the case there.
	Found string `json:"found"`
	// Meaning is what comes of it, and Remedy what to do, a command where there is one. Both are empty when all is well.
	Meaning string `json:"meaning,omitzero"`
	Remedy  string `json:"remedy,omitzero"`
}

// String is the finding in a line.
func (f Finding) String() string {
	line := fmt.Sprintf("%s: %s", f.Subject, f.Found)
	for _, more := range []string{f.Meaning, f.Remedy} {
		if more != "" {
			line += "; " + more
		}
	}
	return line
}

// Report are findings in the order of the checks.
type Report []Finding

// Worst is the worst verdict; OK when there is no finding.
func (r Report) Worst() Verdict {
	worst := OK
	for _, f := range r {
		if slices.Index(verdicts, f.Verdict) > slices.Index(verdicts, worst) {
			worst = f.Verdict
		}
	}
	return worst
}

// Count is how many findings have a verdict.
func (r Report) Count(v Verdict) int {
	n := 0
	for _, f := range r {
		if f.Verdict == v {
			n++
		}
	}
	return n
}

// Of are the findings with a verdict.
func (r Report) Of(v Verdict) Report {
	return slices.DeleteFunc(slices.Clone(r), func(f Finding) bool { return f.Verdict != v })
}

// sort puts the findings into the order of the checks; those of one check stay as they are.
func (r Report) sort() Report {
	slices.SortStableFunc(r, func(a, b Finding) int { return cmp.Compare(a.Check.place(), b.Check.place()) })
	return r
}

// RefusedError says why a node must not start.
type RefusedError struct {
	// Failures are those of checks that must hold.
	Failures Report
}

func (e *RefusedError) Error() string {
	lines := make([]string, len(e.Failures))
	for i, f := range e.Failures {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}
