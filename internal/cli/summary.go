package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/internal/cli/submit"
)

// writeReport says what was answered to a file of calls.
func writeReport(w io.Writer, r submit.Report) {
	fmt.Fprintf(w, "accepted %s of %s calls in %s%s\n",
		number(r.Accepted), number(r.Accepted+r.RejectedCount()), round(r.Took), rate(r.Accepted, r.Took))
	if r.RejectedCount() == 0 {
		return
	}
	fmt.Fprintf(w, "rejected %s\n", number(r.RejectedCount()))
	for _, code := range byCount(r.Rejected, func(x submit.Rejections) int { return x.Count }) {
		x := r.Rejected[code]
		fmt.Fprintf(w, "  %-28s%8s  %s: %s\n", code, number(x.Count), lines(x), x.Detail)
	}
}

// lines names where calls stand in the file.
func lines(x submit.Rejections) string {
	if x.Count == 1 {
		return fmt.Sprintf("line %d", x.Lines[0])
	}
	names := make([]string, len(x.Lines))
	for i, line := range x.Lines {
		names[i] = strconv.Itoa(line)
	}
	if x.Count > len(names) {
		names = append(names, "...")
	}
	return "lines " + strings.Join(names, ", ")
}

// writeOutcome says what has become of calls.
func writeOutcome(w io.Writer, o submit.Outcome) {
	fmt.Fprintf(w, "ended %s calls\n", number(o.Ended()))
	writeCounts(w, o.Calls)
	if o.Open > 0 {
		fmt.Fprintf(w, "  %-28s%8s\n", "(not ended)", number(o.Open))
	}
	if o.Conflicting > 0 {
		fmt.Fprintf(w, "conflicting %s: other calls were sent before with the same key, and stand; use another --key\n", number(o.Conflicting))
	}
	if len(o.Codes) > 0 {
		fmt.Fprintln(w, "why")
		writeCounts(w, o.Codes)
	}
	if len(o.Conversations) > 0 {
		fmt.Fprintln(w, "conversations")
		writeCounts(w, o.Conversations)
	}
}

// writeCounts writes a line per word, the most frequent first.
func writeCounts[K ~string](w io.Writer, counts map[K]int) {
	for _, word := range byCount(counts, func(n int) int { return n }) {
		fmt.Fprintf(w, "  %-28s%8s\n", word, number(counts[word]))
	}
}

// byCount returns the keys of a map, the one with the highest count first.
func byCount[K ~string, V any](m map[K]V, count func(V) int) []K {
	return slices.SortedFunc(maps.Keys(m), func(a, b K) int {
		return cmp.Or(cmp.Compare(count(m[b]), count(m[a])), cmp.Compare(a, b))
	})
}

// number writes a count with a comma between thousands.
func number(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// round leaves of a duration what a person reads.
func round(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(time.Second)
	case d > time.Second:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

// rate is how many there were a second, if there was time enough to tell.
func rate(n int, d time.Duration) string {
	if d < time.Millisecond || n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s calls/s)", number(int(float64(n)/d.Seconds())))
}
