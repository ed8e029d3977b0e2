package tour

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"

	"parley/internal/backend"
)

// ReadJournal returns every attempt that came to the demo backend, in order. It writes a line before it answers, so
// that a kill loses none.
func ReadJournal(path string) ([]backend.Execution, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	var all []backend.Execution
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // what a kill left of a line was never answered
		}
		var e backend.Execution
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read journal, line %d: %w", len(all)+1, err)
		}
		all = append(all, e)
	}
	return all, nil
}

// executed leaves out the attempts that the backend refused, and those that it recognised as repeated by their
// Idempotency-Key.
func executed(attempts []backend.Execution) []backend.Execution {
	return slices.DeleteFunc(slices.Clone(attempts), func(e backend.Execution) bool {
		return e.Status != http.StatusOK || e.Repeated
	})
}

// repeated counts the attempts at what had been executed.
func repeated(attempts []backend.Execution) int {
	n := 0
	for _, e := range attempts {
		if e.Repeated {
			n++
		}
	}
	return n
}

// twice counts the calls that were executed more than once.
func twice(executions []backend.Execution) int {
	seen := make(map[string]struct{}, len(executions))
	for _, e := range executions {
		seen[e.RequestID] = struct{}{}
	}
	return len(executions) - len(seen)
}

// outOfOrder counts the parts that were executed when the one before them had not been.
func outOfOrder(executions []backend.Execution) int {
	n, done := 0, make(map[string]int32)
	for _, e := range executions {
		if e.SequenceCode != done[e.ConversationID]+1 {
			n++
		}
		done[e.ConversationID] = e.SequenceCode
	}
	return n
}
