package doctor

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/doctor.md has a row for each check, in their order.
func TestDocsHaveAllChecks(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, d := range Checks() {
		start := ""
		if d.Start {
			start = " **Stops a start.**"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s.%s | %s |\n", d.Check, d.Asks, d.Means, start, d.Remedy)
	}
	if !strings.Contains(string(page), want.String()) {
		t.Errorf("docs/doctor.md lacks this table:\n%s", want.String())
	}
}
